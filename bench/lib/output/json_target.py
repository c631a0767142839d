"""Where a command writes its result as JSON: a file, or standard output."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from bench.output_file import OutputFile
from bench.report import write_json

STANDARD_OUTPUT = "-"

FILE = OutputFile(dir_okay=False, allow_dash=True)
JSON = click.option(
    "--json", "target", type=FILE, help="Write the result here; - is standard output."
)


def write(found: Mapping[str, Any], target: str) -> None:
    """Write the result to a file at once, or to standard output."""
    if target == STANDARD_OUTPUT:
        click.echo(json.dumps(found, indent=2))
    else:
        write_json(found, Path(target))
