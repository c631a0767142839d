"""Records of numbers, read from JSON objects with a sentence for every fault."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import click

Record = TypeVar("Record")


def read(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        click.BadParameter: there is something else, or a number that is not finite.
    """
    try:
        found = json.loads(path.read_text("utf-8"), parse_float=_finite, parse_constant=_finite)
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{path} cannot be read as JSON: {error}.") from error
    if not isinstance(found, dict):
        raise click.BadParameter(f"{path} holds no JSON object.")
    return found


def _finite(number: str) -> float:
    """Read a number; unlike JSON, Python's module knows NaN and Infinity."""
    if not math.isfinite(found := float(number)):
        raise ValueError(f"{number} is no finite number")
    return found


def record(kind: type[Record], found: Mapping[str, Any], where: str | Path) -> Record:
    """Return the record with these numbers; the field ``source`` is for people.

    Raises:
        click.BadParameter: a field is unknown, missing or wrong.
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
    types = get_type_hints(kind)
    try:
        for name, value in given.items():
            _check(name, value, types[name])
        return kind(**given)
    except ValueError as error:
        raise click.BadParameter(f"{where}: {error}.") from error


def _check(name: str, value: Any, kind: Any) -> None:  # noqa: ANN401
    if kind == Sequence[float]:
        if not isinstance(value, list) or not all(map(_is_number, value)):
            raise ValueError(f"{name} must be a list of numbers, not {value!r}")
    elif kind is int:
        if type(value) is not int:
            raise ValueError(f"{name} must be a whole number without a point, not {value!r}")
    elif not _is_number(value):
        raise ValueError(f"{name} must be a number, not {value!r}")


def _is_number(value: Any) -> bool:  # noqa: ANN401
    return type(value) in (int, float)
