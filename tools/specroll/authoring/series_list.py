"""The lists `series` of a `stack.toml`, rewritten where they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath

from specroll.errors import PatchError
from specroll.stack.distribution import Distribution
from specroll.stack.registry import FILE_NAME, Stack
from specroll.stack.sets import BASE

WIDTH = 80


def replaced(
    distribution: Distribution,
    old: Stack,
    data: bytes,
    place: tuple[str, str],
    series: Sequence[str],
) -> bytes:
    """Return the bytes of a `stack.toml` with another series, else unchanged.

    Args:
        distribution: Where the stack lies.
        old: The stack.
        data: The bytes of its `stack.toml`.
        place: The package, and the part of it.
        series: The new patches, relative to the package's folder.

    Raises:
        PatchError: the series there is not written as one plain list.
    """
    package, part = place
    before = Stack.parse(distribution, old.name, data)
    table = package if part == BASE else f"{package}.sets.{part}"
    if part in before.package(package).parts:
        wanted = _with_series(before, place, series)
        text = data.decode()
        if match := _list_of(table).search(text):
            names = [PurePosixPath(patch).name for patch in series]
            changed = (text[: match.start(1)] + written(names) + text[match.end(1) :]).encode()
            with suppress(PatchError):
                if Stack.parse(distribution, old.name, changed) == wanted:
                    return changed
    path = old.folder / FILE_NAME
    raise PatchError(f"{path} has no plain list `series` in packages.{table}; write one there")


def _with_series(stack: Stack, place: tuple[str, str], series: Sequence[str]) -> Stack:
    name, part = place
    package = stack.package(name)
    parts = {**package.parts, part: replace(package.parts[part], series=tuple(series))}
    return replace(stack, packages={**stack.packages, name: replace(package, parts=parts)})


def _list_of(table: str) -> re.Pattern[str]:
    """Return what finds the list in the table of this name."""
    name = r"\.".join(f'"?{re.escape(part)}"?' for part in table.split("."))
    head = rf"^\[packages\.{name}\](?:\n(?!\[).*)*?\nseries *= *"
    return re.compile(head + r"(\[[^]]*\])", re.MULTILINE)


def written(items: Sequence[str]) -> str:
    """Return a list as TOML, on one line where it is short."""
    quoted = [json.dumps(item) for item in items]
    line = f"[{', '.join(quoted)}]"
    if len(line) <= WIDTH:
        return line
    return "[\n" + "".join(f"    {item},\n" for item in quoted) + "]"
