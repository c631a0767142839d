"""Running processes that have a package loaded; they keep the old code until they restart."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

PROCESSES = Path("/proc")


def warnings(folders: Iterable[Path]) -> list[str]:
    """Return a sentence for each folder that a running process has loaded."""
    found = ((folder, using(folder)) for folder in folders)
    return [
        f"{folder} is loaded by process {', '.join(map(str, numbers))}, which keeps the old code"
        " until it restarts"
        for folder, numbers in found
        if numbers
    ]


def using(folder: Path) -> list[int]:
    """Return the processes that map or run a file of the folder, as far as Linux shows them."""
    needle = os.fsencode(folder) + b"/"
    own = os.getpid()
    numbers = (int(path.name) for path in PROCESSES.glob("[0-9]*"))
    return sorted(number for number in numbers if number != own and _mentions(number, needle))


def _mentions(number: int, needle: bytes) -> bool:
    try:
        process = PROCESSES / str(number)
        return any(needle in (process / name).read_bytes() for name in ("maps", "cmdline"))
    except OSError:
        return False
