"""Where commands put what they found: options for files, and JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

STANDARD_OUTPUT = "-"


def in_existing_folder(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    """Refuse a file whose folder does not exist, before anything is computed for it."""
    if value and value != STANDARD_OUTPUT and not Path(value).absolute().parent.is_dir():
        raise click.BadParameter(f"the folder of {value} does not exist; make it first.")
    return value


JSON_OPTION = click.option(
    "--json",
    "target",
    metavar="FILE",
    callback=in_existing_folder,
    help="Write the result here; - is standard output.",
)


def tell(found: Mapping[str, Any], text: str, target: str | None) -> None:
    """Print a result, and write it where `--json` says; a reader never sees half of it.

    Args:
        found: the result.
        text: the same for people; to standard error where the JSON takes standard output.
        target: a file, `-` or None.
    """
    click.echo(text, err=target == STANDARD_OUTPUT)
    content = json.dumps(found, indent=2, allow_nan=False)
    if target == STANDARD_OUTPUT:
        click.echo(content)
    elif target:
        temporary = Path(f"{target}.{os.getpid()}.tmp")
        temporary.write_text(content + "\n")
        temporary.replace(target)
