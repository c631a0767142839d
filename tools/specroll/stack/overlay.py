"""Files that are added to packages: found by patterns, and read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from specroll.errors import Collector, PatchError

WILDCARDS = {"**": ".*", "*": "[^/]*"}


def files(folder: Path) -> list[Path]:
    """Return every file below a folder, in order, but for what Python compiled there."""
    found = (path for path in folder.rglob("*") if "__pycache__" not in path.parts)
    return sorted(path for path in found if path.is_file())


def is_pattern(text: str) -> bool:
    """Say whether a path stands for all files that it matches."""
    return "*" in text


def matching(pattern: str, paths: Iterable[str]) -> list[str]:
    """Return the paths that a pattern matches; `*` stands for a part of a name, `**` of a path.

    What editors and file managers leave behind, it does not match.

    >>> matching("a/**", ["a/b.py", "a/c/d.py", "a/.b.py.swp", "e.py"])
    ['a/b.py', 'a/c/d.py']
    """
    parts = re.split(r"(\*\*|\*)", pattern)
    expression = re.compile("".join(WILDCARDS.get(part) or re.escape(part) for part in parts))
    return [path for path in paths if expression.fullmatch(path) and not _is_stray(path)]


def _is_stray(path: str) -> bool:
    return any(name.startswith(".") or name.endswith("~") for name in path.split("/"))


def load(folder: Path, paths: Sequence[str]) -> Mapping[str, bytes]:
    """Return the bytes of overlay files.

    Raises:
        PatchError: a file is missing; `CollectedError` when several are.
    """
    failures = Collector()
    contents = {}
    for path in paths:
        try:
            contents[path] = (folder / path).read_bytes()
        except OSError as error:
            failures.add(
                PatchError(
                    f"{folder / path} cannot be read ({error.strerror});"
                    " restore it or take it out of stack.toml"
                )
            )
    failures.settle()
    return contents
