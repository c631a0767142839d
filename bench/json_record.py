"""Records of numbers, read from JSON objects with a sentence for every fault."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

import click

Record = TypeVar("Record")


def read(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises click.BadParameter where there is something else.
    """
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{path} cannot be read as JSON: {error}.") from error
    if not isinstance(found, dict):
        raise click.BadParameter(f"{path} holds no JSON object.")
    return found


def record(kind: type[Record], found: Mapping[str, Any], where: str | Path) -> Record:
    """Return the record with these fields; the field ``source`` is for people.

    Raises click.BadParameter where a field is unknown, missing or wrong.
    """
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    given = {name: value for name, value in found.items() if name != "source"}
    if unknown := sorted(given.keys() - known.keys()):
        raise click.BadParameter(
            f"{where} has an unknown field {unknown[0]!r}; known: {', '.join(known)}."
        )
    needed = {name for name, field in known.items() if field.default is MISSING}
    if missing := sorted(needed - given.keys()):
        raise click.BadParameter(f"{where} lacks the field {missing[0]!r}.")
    try:
        return kind(**given)
    except TypeError as error:
        raise click.BadParameter(f"{where} has a field of a wrong type: {error}.") from error
    except ValueError as error:
        raise click.BadParameter(f"{where}: {error}.") from error
