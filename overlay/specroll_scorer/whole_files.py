"""Files that nobody ever finds half of."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(file: Path, text: str) -> None:
    """Write a text, or leave what was there."""
    written = beside(file)
    written.write_text(text)
    written.replace(file)


def beside(file: Path) -> Path:
    """Name to write under before the file takes its own."""
    return file.with_name(f"{file.name}.{os.getpid()}.tmp")
