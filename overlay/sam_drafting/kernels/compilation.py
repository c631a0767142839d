"""How the package compiles its kernels: numba, no Python fallback, cached on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])

PACKAGE = Path(__file__).resolve().parent.parent


def cache_folder() -> Path:
    """Return the folder of the compiled kernels, under `$NUMBA_CACHE_DIR` or the user's caches.

    It lies outside the package, because `pip uninstall` removes only what RECORD lists. It carries
    a digest of all sources, because numba looks only at the file of the outermost kernel and would
    go on using one that calls an older version of a kernel in another file.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    base = Path(chosen) if chosen else Path.home() / ".cache"
    digest = hashlib.sha256()
    for source in sorted(PACKAGE.rglob("*.py")):
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
    """Compile `function` at its first call, and keep the machine code on disk where that works."""
    return _compiled(function, forceinline=False)


def inlined_kernel(function: Function) -> Function:
    """Compile `function` as `kernel` does, and into each kernel that calls it.

    For kernels that take tuples of arrays: numba counts references for every array of a tuple at
    each call, and leaves that out only where caller and callee are one piece of code.
    """
    return _compiled(function, forceinline=True)


def _compiled(function: Function, **options: bool) -> Function:
    """Set the folder of the cache while a function is decorated.

    Numba chooses the place of a function's cache at that moment, and offers no argument for it
    (numba/core/caching.py, `UserProvidedCacheLocator`). Without a folder nothing is cached: numba
    would fall back to the folder of the package.
    """
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(CACHE_FOLDER)
    try:
        decorator = numba.njit(cache=CAN_CACHE, error_model="numpy", **options)
        compiled: Function = decorator(function)
    finally:
        numba.config.CACHE_DIR = before
    return compiled


CACHE_FOLDER = cache_folder()
CAN_CACHE = is_writable(CACHE_FOLDER)
