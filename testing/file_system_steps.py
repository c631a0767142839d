"""Every step in which Python code changes the file system, told just before it is taken.

A program that it starts is one step.
"""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

Witness = Callable[[str, str], None]

STEPS = ("mkdir", "rmdir", "unlink", "rename", "replace", "chmod", "fsync")
WRITING = frozenset("wax+")


@contextmanager
def told(witness: Witness) -> Iterator[None]:
    """Call the witness with name and path before each step of the enclosed block.

    A written file counts as three steps: it is there and empty, it holds one half, it is whole.
    """
    replaced = {(os, name): _told_first(getattr(os, name), name, witness) for name in STEPS}
    replaced[(subprocess, "Popen")] = _told_where_it_starts(subprocess.Popen, witness)
    replaced[(os, "open")] = _told_where_it_creates(os.open, witness)
    replaced[(io, "open")] = _told_where_it_writes(io.open, witness)
    patches = [mock.patch.object(module, name, new) for (module, name), new in replaced.items()]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


def _told_first(original: Callable[..., Any], name: str, witness: Witness) -> Callable[..., Any]:
    def step(path: Any, *args: Any, **kwargs: Any) -> Any:
        witness(name, _place(path))
        return original(path, *args, **kwargs)

    return step


def _told_where_it_starts(original: Any, witness: Witness) -> Any:
    class Popen(original):
        def __init__(self, args: Any, *more: Any, **options: Any) -> None:
            witness("start", str(args))
            super().__init__(args, *more, **options)

    return Popen


def _told_where_it_creates(original: Callable[..., int], witness: Witness) -> Callable[..., int]:
    def step(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if flags & os.O_CREAT:
            witness("open", _place(path))
        return original(path, flags, *args, **kwargs)

    return step


def _told_where_it_writes(original: Callable[..., Any], witness: Witness) -> Callable[..., Any]:
    def step(path: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if not WRITING & set(mode):
            return original(path, mode, *args, **kwargs)
        witness("open", _place(path))
        return _TornFile(original(path, mode, *args, **kwargs), _place(path), witness)

    return step


class _TornFile:
    """A file whose content reaches the system in two halves."""

    def __init__(self, file: Any, path: str, witness: Witness) -> None:
        self._file, self._path, self._witness = file, path, witness

    def write(self, data: Any) -> int:
        self._witness("write", self._path)
        half = len(data) // 2
        self._file.write(data[:half])
        self._file.flush()
        self._witness("write", self._path)
        self._file.write(data[half:])
        self._file.flush()
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _TornFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _place(path: Any) -> str:
    return str(Path(f"/proc/self/fd/{path}").readlink() if isinstance(path, int) else path)
