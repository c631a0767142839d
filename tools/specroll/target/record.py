"""RECORD, the installed distribution's own list of its files, changed line by line."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True)
class Record:
    """The lines of a RECORD file, each with its line break, by the path that it lists.

    >>> Record.parse(b"a/x.py,,\\n").updated({"a/y.py": b"", "a/x.py": None})
    b'a/y.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\\n'
    """

    lines: tuple[bytes, ...]
    paths: tuple[str, ...]

    @classmethod
    def parse(cls, data: bytes) -> Record:
        """Read the bytes of a RECORD file."""
        lines = tuple(data.splitlines(keepends=True))
        paths = (_listed_path(line) for line in lines)
        return cls(lines, tuple(paths))

    def line(self, path: str) -> bytes | None:
        """Return the line of a path without its line break, None where it is not listed."""
        for listed, line in zip(self.paths, self.lines, strict=True):
            if listed == path:
                return line.rstrip(b"\r\n")
        return None

    def owns(self, folder: str) -> bool:
        """Say whether a file of the folder is listed."""
        return any(path.startswith(f"{folder}/") for path in self.paths)

    def without(self, paths: Collection[str]) -> tuple[bytes, ...]:
        """Return the lines of all other paths without their line breaks.

        The last one may lack its own, which it gets when a line is added.
        """
        pairs = zip(self.paths, self.lines, strict=True)
        return tuple(line.rstrip(b"\r\n") for listed, line in pairs if listed not in paths)

    def updated(self, contents: Mapping[str, bytes | None]) -> bytes:
        """Return the bytes of a RECORD that lists these contents, with other lines unchanged."""
        end = b"\r\n" if self.lines and self.lines[0].endswith(b"\r\n") else b"\n"
        fresh = {
            path: entry(path, data) + end for path, data in contents.items() if data is not None
        }
        kept = [
            fresh.pop(listed, line)
            for listed, line in zip(self.paths, self.lines, strict=True)
            if contents.get(listed, line) is not None
        ]
        if kept and not kept[-1].endswith(b"\n"):
            kept[-1] += end
        return b"".join([*kept, *(fresh[path] for path in sorted(fresh))])


def entry(path: str, data: bytes) -> bytes:
    """Return the line that lists a file, without its line break.

    >>> entry("a.py", b"")
    b'a.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0'
    """
    digest = base64.urlsafe_b64encode(sha256(data).digest()).rstrip(b"=").decode()
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([path, f"sha256={digest}", len(data)])
    return line.getvalue().encode()


def _listed_path(line: bytes) -> str:
    text = line.decode("utf-8", "surrogateescape")
    if not text.startswith('"'):
        return text.partition(",")[0]
    try:
        return next(csv.reader([text]))[0]
    except csv.Error:
        # Too long for the reader, or with a null character: no path that we could mean.
        return text
