"""A patch file: read strictly, and applied to bytes at exactly the lines that it states."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from unidiff import patch as unidiff
from unidiff.errors import UnidiffParseError

from specroll.errors import DriftError, PatchError
from specroll.stack import treepath
from specroll.stack.header import Header

Reader = Callable[[str], "bytes | None"]

NOWHERE = "/dev/null"
FIRST_DIFF = re.compile(rb"^diff --git ", re.MULTILINE)
# Other programs would apply what such lines begin, here it would pass for a part of the message.
HEADLESS_DIFF = re.compile(rb"^(?:--- |\+\+\+ |@@ -|rename |deleted file|new file)", re.MULTILINE)
EXTENDED_HEADER = re.compile(
    r"diff --git .*|index [0-9a-f]+\.\.[0-9a-f]+( 100(644|755))?"
    r"|(new|deleted) file mode 100(644|755)"
)


@dataclass(frozen=True)
class Hunk:
    """Consecutive lines that are replaced; positions count from zero.

    >>> Hunk(0, (b"a\\n",), 0, (b"b\\n",)).target
    (b'b\\n',)
    """

    source_start: int
    source: tuple[bytes, ...]
    target_start: int
    target: tuple[bytes, ...]
    # Which of the lines of the source it takes away, and which of the target's it adds.
    removed: tuple[int, ...] = ()
    added: tuple[int, ...] = ()

    @classmethod
    def of(cls, hunk: unidiff.Hunk) -> Hunk:
        """Take the bytes out of a parsed hunk."""
        source: list[bytes] = []
        target: list[bytes] = []
        sides: list[list[bytes]] = []
        for line in hunk:
            if line.line_type == "\\":
                for side in sides:
                    side[-1] = side[-1].removesuffix(b"\n")
                continue
            sides = {"-": [source], "+": [target], " ": [source, target]}[line.line_type]
            for side in sides:
                side.append(line.value.encode("latin-1"))
        # An empty side is given as the line that precedes it, any other as its own first line.
        source_start = hunk.source_start - bool(source)
        target_start = hunk.target_start - bool(target)
        signs = "".join(line.line_type for line in hunk).replace("\\", "")
        removed = _positions("-", signs.replace("+", ""))
        added = _positions("+", signs.replace("-", ""))
        return cls(source_start, tuple(source), target_start, tuple(target), removed, added)


def _positions(sign: str, signs: str) -> tuple[int, ...]:
    return tuple(number for number, each in enumerate(signs) if each == sign)


@dataclass(frozen=True)
class FilePatch:
    """What a patch does to one file.

    >>> hunk = Hunk(0, (b"a\\n",), 0, (b"b\\n",))
    >>> FilePatch("p/x.py", creates=False, deletes=False, hunks=(hunk,)).apply(b"a\\nrest\\n")
    b'b\\nrest\\n'
    """

    path: str
    creates: bool
    deletes: bool
    hunks: tuple[Hunk, ...]

    def apply(self, before: bytes | None) -> bytes | None:
        """Return the patched bytes, or None where the patch deletes the file.

        Raises:
            DriftError: the file has Windows line endings.
            PatchError: the file is not what the patch was made for.
        """
        if self.creates != (before is None):
            raise PatchError("exists already" if self.creates else "does not exist")
        if before is not None and b"\r\n" in before:
            raise DriftError("has Windows line endings (CRLF)")
        # Unlike splitlines(), which also breaks at a lone carriage return.
        lines = BytesIO(before or b"").readlines()
        after = b"".join(self._replay(lines))
        if self.deletes and after:
            raise PatchError("is longer than what the patch deletes")
        return None if self.deletes else after

    def _replay(self, source: Sequence[bytes]) -> list[bytes]:
        result: list[bytes] = []
        position = 0
        for number, hunk in enumerate(self.hunks, 1):
            end = hunk.source_start + len(hunk.source)
            found = tuple(source[hunk.source_start : end])
            if hunk.source_start < position or found != hunk.source:
                raise PatchError(f"does not hold the lines of hunk {number} where it states them")
            result += source[position : hunk.source_start]
            if len(result) != hunk.target_start:
                raise PatchError(f"does not have hunk {number} at the line that it states")
            result += hunk.target
            position = end
        return [*result, *source[position:]]


@dataclass(frozen=True)
class Patch:
    """A patch file of a series."""

    name: str
    sha256: str
    header: Header
    files: tuple[FilePatch, ...]

    @classmethod
    def load(cls, folder: Path, name: str) -> Patch:
        """Read a patch from the folder that holds those of a package, which has its name.

        Raises:
            PatchError: the file is missing, or `parse` refuses it.
        """
        path = folder / name
        try:
            return cls.parse(name, path.read_bytes(), folder.name)
        except OSError as error:
            siblings = path.parent.glob(f"{path.name[:4]}-*")
            others = " or ".join(sorted(sibling.name for sibling in siblings))
            remedy = f"name {others} in stack.toml" if others else "restore it"
            raise PatchError(f"{path} cannot be read ({error.strerror}); {remedy}") from error
        except PatchError as error:
            raise PatchError(f"{path} {error}; correct the patch") from error

    @classmethod
    def parse(cls, name: str, data: bytes, package: str) -> Patch:
        """Read the bytes of a patch; the error says only what is wrong with them.

        Raises:
            PatchError: Windows line endings, a malformed diff, a path outside the package, or
                anything but changed, created and deleted text files.
        """
        if b"\r\n" in data:
            raise PatchError("has Windows line endings (CRLF)")
        start = FIRST_DIFF.search(data)
        if not start:
            raise PatchError("holds no `diff --git`")
        if HEADLESS_DIFF.search(data, 0, start.start()):
            raise PatchError("holds a diff without its line `diff --git`")
        try:
            header = Header.parse(data[: start.start()].decode())
            # Latin-1 gives each byte a character of its own, so that none is lost.
            body = data[start.start() :].decode("latin-1")
            diff = unidiff.PatchSet.from_string(body)
        except (UnidiffParseError, UnicodeDecodeError) as error:
            raise PatchError(f"is malformed ({error})") from error
        _refuse_stray_lines(diff, body)
        files = tuple(_file_patch(file, package) for file in diff)
        return cls(name, sha256(data).hexdigest(), header, files)

    def apply(self, read: Reader) -> Iterator[tuple[str, bytes | None]]:
        """Yield path and patched bytes of each touched file.

        Raises:
            DriftError: a file has Windows line endings.
            PatchError: a file is not what the patch was made for.
        """
        for file in self.files:
            try:
                yield file.path, file.apply(read(file.path))
            except (DriftError, PatchError) as error:
                raise type(error)(f"{file.path} {error}") from error


def _refuse_stray_lines(diff: unidiff.PatchSet, body: str) -> None:
    """Refuse what unidiff skips in silence: it parses, it does not protect."""
    known = 0
    for file in diff:
        for line in file.patch_info or []:
            if not EXTENDED_HEADER.fullmatch(line.rstrip("\n")):
                raise PatchError(f"holds {line.rstrip()!r}, which is not a change of a text file")
        if _head(file) not in body:
            raise PatchError(f"names another file than {file.path} in a line before its hunks")
        known += len(file.patch_info or []) + sum(1 + len(hunk) for hunk in file) + 2 * bool(file)
    if known != body.count("\n") or not body.endswith("\n"):
        raise PatchError("holds lines that belong to no hunk, or lacks its last line break")


def _head(file: unidiff.PatchedFile) -> str:
    """Return the lines before the first hunk as they must be; unidiff reads one name of several."""
    names = f"--- {file.source_file}\n+++ {file.target_file}\n@@ " if file else ""
    return "".join(file.patch_info or []) + names


def _file_patch(file: unidiff.PatchedFile, package: str) -> FilePatch:
    sides = [side for side in (file.source_file, file.target_file) if side != NOWHERE]
    paths = {_inner_path(side, package) for side in sides}
    if len(paths) != 1:
        raise PatchError(f"renames {file.source_file} to {file.target_file}")
    hunks = tuple(Hunk.of(hunk) for hunk in file)
    creates, deletes = file.source_file == NOWHERE, file.target_file == NOWHERE
    if not hunks and not creates and not deletes:
        raise PatchError(f"changes nothing in {file.path}")
    return FilePatch(paths.pop(), creates, deletes, hunks)


def _inner_path(side: str, package: str) -> str:
    path = side[2:] if side.startswith(("a/", "b/")) else side
    if reason := treepath.problem(path):
        raise PatchError(f"names {side!r}, which {reason}")
    if not path.startswith(f"{package}/"):
        raise PatchError(f"names {side!r}, which is outside of {package}/")
    return path
