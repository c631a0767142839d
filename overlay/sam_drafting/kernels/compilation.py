"""How the package compiles its kernels: numba, no Python fallback, cached on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def cache_folder() -> Path:
    """Folder of the compiled kernels: under `$NUMBA_CACHE_DIR` or the user's cache folder.

    It lies outside the package, because `pip uninstall` removes only what RECORD lists; and it
    carries a digest of all sources, because numba looks only at the file of the outermost
    kernel and would go on using one that calls an older version of a kernel in another file.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    base = Path(chosen) if chosen else Path.home() / ".cache"
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return base / "sam_drafting" / digest.hexdigest()[:16]


def is_writable(folder: Path) -> bool:
    """Make `folder` where it is missing, and say whether files can be put there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def kernel(function: Function) -> Function:
    """Compile `function` at its first call, and keep the machine code on disk where that works.

    Numba chooses the place of a function's cache when the function is decorated, and offers no
    argument for it: hence the setting is changed for that moment (numba/core/caching.py,
    `UserProvidedCacheLocator`). Without a folder nothing is cached: numba would fall back to the
    folder of the package.
    """
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(CACHE_FOLDER)
    try:
        compiled: Function = numba.njit(cache=CAN_CACHE, error_model="numpy")(function)
    finally:
        numba.config.CACHE_DIR = before
    return compiled


CACHE_FOLDER = cache_folder()
CAN_CACHE = is_writable(CACHE_FOLDER)
