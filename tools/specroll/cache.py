"""The folder that keeps what is downloaded, built and trained; needs the standard library alone."""

from __future__ import annotations

import sys
from pathlib import Path

from specroll import variables
from specroll.errors import TargetError


def cache_folder() -> Path:
    """Return the folder: the one that `SPECROLL_CACHE` names, else `~/.cache/specroll`.

    Where only the folder of the old name exists, it is used. The variable then names it, so that
    this is said once, child processes included.

    Raises:
        TargetError: the user has no home, or the folder's name begins with an unknown one.
    """
    if chosen := variables.read("CACHE"):
        return _named_folder(chosen)
    try:
        caches = Path.home() / ".cache"
    except RuntimeError as error:
        raise TargetError("You have no home folder; name a cache with SPECROLL_CACHE") from error
    folder, old = caches / "specroll", caches / "specrl"
    if folder.exists() or not old.exists():
        return folder
    print(f"note: {old} is the cache's old name; rename it to {folder}", file=sys.stderr)
    variables.write("CACHE", str(old))
    return old


def _named_folder(name: str) -> Path:
    try:
        # A shell leaves `~` as it is between quotes; Docker and YAML files always do.
        return Path(name).expanduser().resolve()
    except RuntimeError as error:
        raise TargetError(
            f"SPECROLL_CACHE is {name}, and that home folder is unknown; name the whole path"
        ) from error
