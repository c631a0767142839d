"""Files and folders of which the disk itself has the new state before the next step begins."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Write a file where it lies; a crash may leave a part of it."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, data: bytes, draft: str) -> None:
    """Write a file by way of a draft beside it: a crash leaves what was there, or all of it."""
    place = path.with_name(draft)
    write(place, data)
    place.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let the disk know which files a folder holds."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Network and user-space file systems may not know how to sync a folder.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)
