"""Options that several commands share, and what a command gets for them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from specroll import report
from specroll.errors import RequestError, ToolError, unforeseen
from specroll.report import Report
from specroll.stack import distribution
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.registry import default_stack
from specroll.stack.sets import Choice
from specroll.target import environment
from specroll.target.selection import Request

WORKDIR = Path(".apply-patches-edit")
FOLDER = click.Path(file_okay=False, path_type=Path)

WITH = "Choose this set, whatever is installed; repeatable."
WITHOUT = "Leave this set out, whatever is installed; repeatable."

Command = Callable[..., Any]


def reported(command: Command) -> Command:
    """Print the report that a command returns or the error it raises; return the exit code."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
    @click.pass_context
    @functools.wraps(command)
    def run(context: click.Context, /, *args: object, as_json: bool, **options: object) -> int:
        name = context.info_name or ""
        try:
            result: Report = command(distribution.find(context.obj), *args, **options)
        except (ToolError, OSError) as error:
            failure = unforeseen(error) if isinstance(error, OSError) else error
            report.show_error(name, failure, as_json)
            return failure.exit_code
        report.show(name, result, as_json)
        return result.exit_code

    return run


def on_target(command: Command) -> Command:
    """Give a command the options that name stack, packages and environment, as a request."""

    @click.option("--stack", help="Stack to use; the default is found from installed versions.")
    @click.option(
        "--package", "packages", multiple=True, help="Act on this package alone; repeatable."
    )
    @click.option("--python", type=click.Path(), help="Interpreter to work on.")
    @click.option("--root", type=FOLDER, help="Unpacked wheel or checkout to work on instead.")
    @functools.wraps(command)
    def run(
        source: Distribution,
        stack: str | None,
        packages: tuple[str, ...],
        python: str | None,
        root: Path | None,
        **options: object,
    ) -> Report:
        if root and python:
            raise RequestError("--root and --python exclude each other; name one of them.")
        place = environment.of_tree(root) if root else environment.of_interpreter(python)
        result: Report = command(Request(source, place, stack, packages), **options)
        return result

    return run


def with_sets(command: Command) -> Command:
    """Give a command that has a request the options that choose sets."""

    @click.option("--with", "wanted", multiple=True, metavar="SET", help=WITH)
    @click.option("--without", "refused", multiple=True, metavar="SET", help=WITHOUT)
    @functools.wraps(command)
    def run(
        request: Request, wanted: tuple[str, ...], refused: tuple[str, ...], **options: object
    ) -> Report:
        for name in set(wanted).intersection(refused):
            raise RequestError(f"--with {name} and --without {name} exclude each other.")
        result: Report = command(replace(request, choice=Choice(wanted, refused)), **options)
        return result

    return run


def on_series(command: Command) -> Command:
    """Give a command the options that name a stack and the folder of an artefact."""

    @click.option("--stack", help="Stack to work on; without it the default one.")
    @click.option("--workdir", type=FOLDER, default=WORKDIR, help="Where scratch repositories lie.")
    @click.option("--artefacts", type=FOLDER, help="Folder to look for pinned files in first.")
    @functools.wraps(command)
    def run(
        source: Distribution, stack: str | None, artefacts: Path | None, **options: object
    ) -> Report:
        source.require_checkout()
        name = stack or default_stack(source)
        result: Report = command(source, name, Store.beside(artefacts), **options)
        return result

    return run
