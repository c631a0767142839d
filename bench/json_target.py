"""Where a command writes its result as JSON: a file, or standard output."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from bench.report import write_json

STANDARD_OUTPUT = "-"


def _checked(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value and value != STANDARD_OUTPUT and not Path(value).absolute().parent.is_dir():
        raise click.BadParameter(f"the folder of {value} does not exist.")
    return value


JSON = click.option(
    "--json", "target", callback=_checked, help="Write the result here; - is standard output."
)


def write(found: Mapping[str, Any], target: str) -> None:
    """Write the result to a file at once, or to standard output."""
    if target == STANDARD_OUTPUT:
        click.echo(json.dumps(found, indent=2))
    else:
        write_json(found, Path(target))
