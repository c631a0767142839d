"""The files of an upstream release: each is read and parsed once."""

from __future__ import annotations

import ast
import sys
import warnings
from dataclasses import dataclass

from specroll.stack.patch import Reader


class AbsentError(Exception):
    """A release lacks a file, or a file lacks a name; the text says which."""


class UnparsableError(Exception):
    """A file is not Python source for the interpreter that runs here; the text says where."""


@dataclass(frozen=True)
class Source:
    """A file of Python source.

    >>> source = Source.parse("p/x.py", b"LIMIT = 3  # at most\\n")
    >>> source.lines, source.tree.body[0].lineno
    (('LIMIT = 3  # at most',), 1)
    """

    # They end where a patch ends them, at line feeds; the tree counts the same.
    lines: tuple[str, ...]
    tree: ast.Module

    @classmethod
    def parse(cls, label: str, data: bytes) -> Source:
        """Parse the bytes of a file that messages call by the label.

        Raises:
            UnparsableError: the file has no tree.
        """
        # Python would also end a line at a lone carriage return.
        plain = data.replace(b"\r\n", b"\n").replace(b"\r", b" ")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(plain)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            python = ".".join(map(str, sys.version_info[:2]))
            raise UnparsableError(
                f"{label} does not parse with Python {python} ({_reason(error)})"
            ) from error
        return cls(tuple(plain.decode(errors="replace").split("\n")[: _count(plain)]), tree)


def _reason(error: Exception) -> str:
    if isinstance(error, SyntaxError) and error.lineno:
        return f"line {error.lineno}: {error.msg}"
    return str(error) or type(error).__name__


def _count(data: bytes) -> int:
    return data.count(b"\n") + (not data.endswith(b"\n") and bool(data))


class Release:
    """An upstream release.

    >>> release = Release("2.0", {"p/x.py": b"LIMIT = 3\\n"}.get)
    >>> release.source("p/x.py").lines
    ('LIMIT = 3',)
    >>> release.source("p/y.py")
    Traceback (most recent call last):
    specroll.porting.release.AbsentError: p/y.py does not exist in 2.0
    """

    def __init__(self, name: str, read: Reader) -> None:
        """Name the release, and say how its files are read."""
        self.name = name
        self._read = read
        self._exists: dict[str, bool] = {}
        self._parsed: dict[str, Source | UnparsableError] = {}

    def has(self, path: str) -> bool:
        """Say whether there is such a file."""
        if path not in self._exists:
            self._exists[path] = self._read(path) is not None
        return self._exists[path]

    def source(self, path: str) -> Source:
        """Return a parsed file.

        Raises:
            AbsentError: there is no such file.
            UnparsableError: it is not Python source.
        """
        if path not in self._parsed:
            data = self._read(path)
            if data is None:
                raise AbsentError(f"{path} does not exist in {self.name}")
            self._parsed[path] = self._attempt(path, data)
        parsed = self._parsed[path]
        if isinstance(parsed, UnparsableError):
            raise parsed
        return parsed

    def _attempt(self, path: str, data: bytes) -> Source | UnparsableError:
        try:
            return Source.parse(f"{path} of {self.name}", data)
        except UnparsableError as error:
            return error
