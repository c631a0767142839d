"""Removes environments that no lock names any more: each takes gigabytes.

Clones with other locks share the cache. So an environment stays as long as a lock of this clone
names it, as somebody used it in the last two weeks, or as a process uses it now.
"""

from __future__ import annotations

import fcntl
import math
import re
import shutil
import sys
import time
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

UNUSED_DAYS = 14
FOLDER = re.compile(r".+-[0-9a-f]{16}")


def remove_unused(folder: Path, keep: Set[Path]) -> None:
    """Remove the environments in a folder that are unused, but for those to keep."""
    since = time.time() - UNUSED_DAYS * 86_400
    for complete in sorted(folder.glob("*/.complete")):
        environment = complete.parent
        is_old = FOLDER.fullmatch(environment.name) and _last_use(environment) < since
        if is_old and environment not in keep:
            _remove_where_free(environment, since)


def _remove_where_free(environment: Path, since: float) -> None:
    """Remove an environment under the lock of those who use it (patched.py), where it is free."""
    with suppress(BlockingIOError, FileNotFoundError), (environment / ".in-use").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _last_use(environment) < since:  # somebody may have come and gone
            print(f"Removing {environment}, unused for {UNUSED_DAYS} days …", file=sys.stderr)
            # First: what is removed in part is no environment.
            (environment / ".complete").unlink(missing_ok=True)
            shutil.rmtree(environment, ignore_errors=True)


def _last_use(environment: Path) -> float:
    """Return the time of the last use; infinity where another process removed it meanwhile."""
    try:
        return (environment / ".complete").stat().st_mtime
    except FileNotFoundError:
        return math.inf
