"""Pinned files of the package index: fetched, and verified.

Wheels are fetched with pip. It would build a source archive, so that is read from the index here.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from specroll.cache import cache_folder
from specroll.errors import NotPinnedError, TargetError
from specroll.stack.archive import is_source
from specroll.stack.registry import Artefact, Variant

if TYPE_CHECKING:
    from specroll.stack.index import Index, IndexFile

BLOCK = 1 << 20
STANDARD_ERROR = 2


@dataclass(frozen=True)
class Store:
    """Folders to look in for an artefact; the last one receives downloads.

    >>> [folder.name for folder in Store.beside(Path("wheels")).folders]
    ['wheels', 'artefacts']
    """

    folders: tuple[Path, ...]

    @classmethod
    def beside(cls, folder: Path | None) -> Store:
        """Return the store of the cache, with a folder of the user's to look in first."""
        cache = cache_folder() / "artefacts"
        return cls((folder, cache) if folder else (cache,))

    def fetch(self, variant: Variant) -> Path:
        """Return the verified artefact of a variant, downloaded where it is not at hand.

        Raises:
            NotPinnedError: it cannot be had, or its content is not the pinned one.
            TargetError: the cache is not writable.
        """
        return self.at_hand(variant) or self._downloaded(variant)

    def fetch_file(self, file: IndexFile, index: Index) -> Path:
        """Return a verified file of an index, downloaded where it is not at hand.

        Raises:
            NotPinnedError: it cannot be had, or its content is not what the index says.
            TargetError: the cache is not writable.
        """
        return self._found(file.artefact) or _save(file, index, self.folders[-1])

    def at_hand(self, variant: Variant) -> Path | None:
        """Return the verified artefact of a variant, None where no folder holds it.

        Raises:
            NotPinnedError: its content is not the pinned one.
        """
        return self._found(variant.artefact)

    def _found(self, artefact: Artefact) -> Path | None:
        places = [folder / artefact.name for folder in self.folders]
        path = next((place for place in places if place.is_file()), None)
        if path:
            _verify(path, artefact)
        return path

    def _downloaded(self, variant: Variant) -> Path:
        if is_source(variant.artefact.name):
            # Here and not above: what reads an index takes long to import, and applying does not.
            from specroll.stack.index import Index

            index = Index.configured()
            return self.fetch_file(index.file(variant.distribution, variant.artefact), index)
        path = _download(variant, self.folders[-1])
        _verify(path, variant.artefact)
        return path


def _verify(path: Path, artefact: Artefact) -> None:
    digest = sha256()
    size = path.stat().st_size
    bar = tqdm(total=size, unit="B", unit_scale=True, desc=path.name, delay=1, disable=None)
    with bar, path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            bar.update(len(block))
    if digest.hexdigest() != artefact.sha256:
        raise NotPinnedError(f"{path} does not have the pinned sha256; delete it and try again")


def _download(variant: Variant, folder: Path) -> Path:
    with _scratch(folder) as scratch:
        _run_pip(variant, scratch)
        path = scratch / variant.artefact.name
        if path.exists():
            return path.rename(folder / path.name)
    raise NotPinnedError(
        f"The index gave another file than {variant.artefact.name}; put it into {folder}"
    )


def _save(file: IndexFile, index: Index, folder: Path) -> Path:
    digest = sha256()
    bar = tqdm(total=file.size, unit="B", unit_scale=True, desc=file.name, delay=1, disable=None)
    with _scratch(folder) as scratch, bar:
        path = scratch / file.name
        with path.open("wb") as target:
            for block in index.blocks(file):
                digest.update(block)
                target.write(block)
                bar.update(len(block))
        if digest.hexdigest() == file.sha256:
            return path.rename(folder / file.name)
    raise NotPinnedError(
        f"{file.url} does not give the content that the index says; try again, or put"
        f" {file.name} into {folder}"
    )


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Give a folder to download into: what a run that is cut short leaves is no artefact."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            yield Path(scratch)
    except OSError as error:
        raise TargetError(f"{folder} cannot be written ({error.strerror}); free it") from error


def _run_pip(variant: Variant, folder: Path) -> None:
    requirement = f"{variant.distribution}=={variant.version}"
    options = ["--no-deps", "--only-binary=:all:", *_tags(variant.artefact.name)]
    command = [*_pip(), "download", *options, "--dest", str(folder), requirement]
    # pip shows its progress on standard output, which belongs to the report. sys.stderr is no file
    # where a caller collects what is written there.
    if subprocess.run(command, stdout=STANDARD_ERROR, check=False).returncode:
        raise NotPinnedError(
            f"{variant.artefact.name} cannot be downloaded (see pip's message); connect to a"
            " package index, or name a folder that holds it with --artefacts"
        )


def _pip() -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if uv := shutil.which("uv"):
        return [uv, "tool", "run", "pip"]
    raise NotPinnedError(
        f"{sys.executable} has no pip; install it, or name a folder with --artefacts"
    )


def _tags(name: str) -> list[str]:
    """Return pip's options that select the wheel of this name on any machine."""
    parts = name.removesuffix(".whl").split("-")
    if not name.endswith(".whl") or len(parts) < 5:
        raise NotPinnedError(
            f"{name} is the name of neither a wheel nor a source archive (.tar.gz); pin one of them"
            " in stack.toml"
        )
    python, abi, platforms = parts[-3:]
    if platforms == "any":
        return []
    options = [f"--platform={platform}" for platform in platforms.split(".")]
    version = python.removeprefix("cp")
    # A wheel for the stable ABI is tagged with an older Python than the one that it requires.
    options.append("--ignore-requires-python")
    return [*options, f"--abi={abi}", f"--python-version={version[0]}.{version[1:]}"]
