"""Removes environments that no lock names any more: each takes gigabytes.

Clones with other locks share the cache. So an environment stays as long as a lock of this clone
names it, as somebody used it in the last two weeks, or as a process uses it now.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import sys
import time
from collections.abc import Iterator, Set
from contextlib import suppress
from pathlib import Path

UNUSED_DAYS = 14
FOLDER = re.compile(r".+-[0-9a-f]{16}")


def remove_unused(folder: Path, keep: Set[Path]) -> None:
    """Remove the environments in a folder that are unused, but for those to keep."""
    for environment in sorted(_unused(folder, time.time() - UNUSED_DAYS * 86_400)):
        if environment not in keep and _is_free(environment):
            print(f"Removing {environment}, unused for {UNUSED_DAYS} days …", file=sys.stderr)
            # First: what is removed in part is no environment.
            (environment / ".complete").unlink(missing_ok=True)
            shutil.rmtree(environment, ignore_errors=True)


def _unused(folder: Path, since: float) -> Iterator[Path]:
    for complete in folder.glob("*/.complete"):
        with suppress(FileNotFoundError):  # another process removed it meanwhile
            if FOLDER.fullmatch(complete.parent.name) and complete.stat().st_mtime < since:
                yield complete.parent


def _is_free(environment: Path) -> bool:
    """Say whether no process holds the lock under which an environment is used (patched.py)."""
    with (environment / ".in-use").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
