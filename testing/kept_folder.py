"""Folders that are made once, whole or not at all, and kept: models trained on the spot."""

import hashlib
import importlib.metadata
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock
from specroll.cache import cache_folder


def place(deciding_files: Iterable[Path], deciding_packages: Iterable[str], name: str = "") -> Path:
    """Return a folder's place in the cache: its name, and a hash of all that decides what is in it.

    ``deciding_files`` are sources, ``deciding_packages`` names of installed distributions. Raises
    importlib.metadata.PackageNotFoundError where one of them is not installed.
    """
    digest = hashlib.sha256()
    for file in deciding_files:
        digest.update(file.read_bytes())
    for package in deciding_packages:
        digest.update(f"{package}=={importlib.metadata.version(package)}\n".encode())
    return cache_folder() / "models" / (name + digest.hexdigest()[:16])


def ensure(folder: Path, fill: Callable[[Path], None], force: bool = False) -> Path:
    """Let ``fill`` make the folder unless it is there; ``force`` makes it again.

    What ``fill`` makes has to hold ``about.json``. Raises OSError where the folder cannot be
    written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if force or not (folder / "about.json").exists():
            _build(folder, fill)
    return folder


def facts(folder: Path) -> dict[str, Any]:
    """Return what ``about.json`` says of what is in ``folder``.

    Raises FileNotFoundError where the folder has none.
    """
    found: dict[str, Any] = json.loads((folder / "about.json").read_text())
    return found


def _build(folder: Path, fill: Callable[[Path], None]) -> None:
    # Beside the target, so that os.replace stays on one file system.
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as temporary:
        made = Path(temporary) / "made"
        fill(made)
        shutil.rmtree(folder, ignore_errors=True)
        made.replace(folder)
