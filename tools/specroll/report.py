"""What a command found and did, for people or as one JSON object."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import click

from specroll.errors import ToolError

COLOURS = {
    "applied": "green",
    "reverted": "green",
    "pristine": "green",
    "ok": "green",
    "skipped": "yellow",
    "removed": "yellow",
    "pending": "yellow",
    "outdated": "yellow",
    "absent": "yellow",
    "partial": "red",
    "drifted": "red",
    "differs": "red",
}


@dataclass
class Report:
    """Lines, tables, a summary, warnings, and the facts that `--json` gives instead of tables.

    >>> report = Report("stack 1.0: nothing to do")
    >>> report.add("ok", "alpha/0001-bugfix-first.patch")
    >>> report.lines
    [('ok', 'alpha/0001-bugfix-first.patch')]
    """

    summary: str = ""
    lines: list[tuple[str, str]] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)
    exit_code: int = 0

    def add(self, word: str, text: str) -> None:
        """Add a line that begins with the word for what happened."""
        self.lines.append((word, text))


def show(command: str, report: Report, as_json: bool) -> None:
    """Print a report: lines, tables and summary, or the object, to standard output."""
    if as_json:
        _show_object(
            {
                "command": command,
                "exit_code": report.exit_code,
                "summary": report.summary,
                "lines": [{"word": word, "text": text} for word, text in report.lines],
                "warnings": report.warnings,
                **report.facts,
            }
        )
        return
    for word, text in report.lines:
        _echo(f"{click.style(f'{word:<9}', fg=COLOURS.get(word))} {text}")
    for table in report.tables:
        _echo(f"\n{table}\n")
    for warning in report.warnings:
        _echo(f"{click.style('warning:', fg='yellow')} {warning}", to_error=True)
    _echo(report.summary)


def show_error(command: str, error: ToolError, as_json: bool) -> None:
    """Print every sentence of an error to standard error, or the object to standard output."""
    if as_json:
        show_failure(command, error.exit_code, error.sentences())
        return
    for sentence in error.sentences():
        _echo(f"{click.style('error:', fg='red')} {sentence}", to_error=True)


def show_failure(command: str | None, exit_code: int, errors: list[str]) -> None:
    """Print what went wrong as one object to standard output."""
    _show_object({"command": command, "exit_code": exit_code, "errors": errors})


def _show_object(facts: Mapping[str, object]) -> None:
    click.echo(json.dumps(facts, indent=2, sort_keys=True))


def _echo(text: str, to_error: bool = False) -> None:
    click.echo(text, err=to_error, color=False if os.environ.get("NO_COLOR") else None)
