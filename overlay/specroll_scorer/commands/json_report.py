"""How commands say what they found: in words, and on request as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from specroll_scorer.whole_files import json_text, write_whole

STANDARD_OUTPUT = "-"


def _checked(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value not in (None, STANDARD_OUTPUT) and not Path(value).absolute().parent.is_dir():
        raise click.BadParameter(f"the folder of {value} does not exist.")
    return value


JSON = click.option(
    "--json",
    "json_file",
    metavar="FILE",
    callback=_checked,
    help="Write the result here as JSON; - is standard output.",
)


def report(words: str, found: Mapping[str, Any], json_file: str | None) -> None:
    """Print what was found in words, and write it as JSON.

    Where the JSON goes to standard output, the words go to standard error.

    Args:
        words: for people.
        found: for programs.
        json_file: what `--json` names: a file, `-` for standard output, or None.

    Raises:
        OSError: the file cannot be written.
    """
    click.echo(words, err=json_file == STANDARD_OUTPUT)
    if json_file == STANDARD_OUTPUT:
        click.echo(json_text(found), nl=False)
    elif json_file is not None:
        write_whole(Path(json_file), json_text(found))
