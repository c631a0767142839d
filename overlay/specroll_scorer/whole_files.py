"""Files and folders that nobody ever finds half of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a name to write a file or folder under; it takes its place when the block ends.

    Where the block raises, the place keeps what it had.

    Args:
        path: the place. A folder's must be free.

    Raises:
        OSError: what was written cannot take the place.
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    yield unfinished
    unfinished.replace(path)


def write_whole(file: Path, text: str) -> None:
    """Write a text.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(file) as unfinished:
        unfinished.write_text(text)


def json_text(found: Mapping[str, Any]) -> str:
    """Return the JSON of a result or of settings, as people read it, with a line end."""
    return json.dumps(found, indent=2) + "\n"
