"""Pinned files of the package index: fetched with pip, and verified."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tqdm import tqdm

from specroll.cache import cache_folder
from specroll.errors import NotPinnedError, TargetError
from specroll.stack.registry import Artefact, Variant

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

    def at_hand(self, variant: Variant) -> Path | None:
        """Return the verified artefact of a variant, None where no folder holds it.

        Raises:
            NotPinnedError: its content is not the pinned one.
        """
        places = [folder / variant.artefact.name for folder in self.folders]
        path = next((place for place in places if place.is_file()), None)
        if path:
            _verify(path, variant.artefact)
        return path

    def _downloaded(self, variant: Variant) -> Path:
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
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _run_pip(variant, Path(scratch))
            return (Path(scratch) / variant.artefact.name).rename(folder / variant.artefact.name)
    except FileNotFoundError as error:
        raise NotPinnedError(
            f"The index gave another file than {variant.artefact.name}; put it into {folder}"
        ) from error
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
        raise NotPinnedError(f"{name} is not the name of a wheel; pin a wheel in stack.toml")
    python, abi, platforms = parts[-3:]
    if platforms == "any":
        return []
    options = [f"--platform={platform}" for platform in platforms.split(".")]
    version = python.removeprefix("cp")
    # A wheel for the stable ABI is tagged with an older Python than the one that it requires.
    options.append("--ignore-requires-python")
    return [*options, f"--abi={abi}", f"--python-version={version[0]}.{version[1:]}"]
