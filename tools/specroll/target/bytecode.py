"""Compiled modules as Python names them."""

from __future__ import annotations

from pathlib import PurePosixPath


def module(path: str) -> str | None:
    """Return the source that a file was compiled from, None for any other file.

    >>> module("a/__pycache__/b.cpython-311.opt-1.pyc")
    'a/b.py'
    """
    compiled = PurePosixPath(path)
    if compiled.suffix != ".pyc" or compiled.parent.name != "__pycache__":
        return None
    return (compiled.parents[1] / f"{compiled.name.partition('.')[0]}.py").as_posix()
