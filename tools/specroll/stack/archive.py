"""Files inside of artefacts, read without unpacking: wheels, and source archives."""

from __future__ import annotations

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, cast

from specroll.errors import NotPinnedError
from specroll.stack import treepath

BINARY_SUFFIXES = (".so", ".a", ".o", ".bin", ".pyc")
SOURCE_SUFFIX = ".tar.gz"
# Types of files in a wheel, the first where none is given.
PLAIN = (0, stat.S_IFREG)
DAMAGE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError)

# The path of a file as it lies in site-packages, and what reads it.
Member = tuple[str, Callable[[], bytes]]


def is_source(name: str) -> bool:
    """Say whether a file of this name is a source archive; what else is read is a wheel.

    >>> is_source("alpha-1.0.tar.gz"), is_source("alpha-1.0-py3-none-any.whl")
    (True, False)
    """
    return name.endswith(SOURCE_SUFFIX)


def paths(archive: Path) -> frozenset[str]:
    """Return the path of every file of an archive.

    Raises:
        NotPinnedError: it is damaged, or holds what is not a plain file.
    """
    with _members(archive) as members:
        return frozenset(path for path, _ in members)


def read_files(archive: Path, paths: Iterable[str]) -> Mapping[str, bytes]:
    """Return those of the named files that an archive holds.

    Raises:
        NotPinnedError: it is damaged, or holds what is not a plain file.
    """
    wanted = frozenset(paths)
    with _members(archive) as members:
        return {path: read() for path, read in members if path in wanted}


def text_files(archive: Path, package: str) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of every text file of a package.

    Raises:
        NotPinnedError: it is damaged, or holds what is not a plain file.
    """
    with _members(archive) as members:
        for path, read in members:
            if path.startswith(f"{package}/") and not path.endswith(BINARY_SUFFIXES):
                data = read()
                if b"\0" not in data:
                    yield path, data


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[Member]]:
    """Give the files of an archive, each to be read before the next one is asked for."""
    kind = "source archive" if is_source(archive.name) else "wheel"
    try:
        yield _of_source(archive) if is_source(archive.name) else _of_wheel(archive)
    except DAMAGE as error:
        raise NotPinnedError(f"{archive} is not a {kind} ({error}); pin a {kind}") from error


def _of_wheel(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            # A wheel that was not packed on a Unix gives no file a type.
            _refuse(path, info.filename, stat.S_IFMT(info.external_attr >> 16) not in PLAIN)
            yield info.filename, partial(archive.read, info)


def _of_source(path: Path) -> Iterator[Member]:
    """Yield the files by their paths in the one folder that holds all, `name-version`."""
    top = ""
    with tarfile.open(path, "r:gz") as archive:
        for info in archive:
            if info.isdir():
                continue
            _refuse(path, info.name, not info.isreg())
            folder, _, inner = info.name.partition("/")
            top = top or folder
            if folder != top or not inner:
                raise NotPinnedError(
                    f"{path} is not a source archive ({info.name} is outside of its folder {top});"
                    " pin a source archive"
                )
            yield inner, partial(_content, archive, info)


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    # None stands for what is neither a file nor a link to one.
    return cast("IO[bytes]", archive.extractfile(info)).read()


def _refuse(archive: Path, path: str, is_link: bool) -> None:
    """Refuse what unpacking could put elsewhere than its path says."""
    reason = "is not a plain file" if is_link else treepath.problem(path)
    if reason:
        raise NotPinnedError(f"{archive} holds {path!r}, which {reason}; pin another artefact")
