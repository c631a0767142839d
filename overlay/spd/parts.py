"""Parts of a long computation, kept in a folder, so that a second run goes on from the first."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SETTINGS = "settings.json"


class PartsError(Exception):
    """A folder of parts that another computation has made."""


class Parts:
    """A folder with one parquet file a part, whole or absent, and what all were made with."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Open the folder, or make it.

        Raises:
            PartsError: its parts were made with other settings, or nobody knows with which.
        """
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / SETTINGS
        if not file.exists():
            written = _beside(file)
            written.write_text(json.dumps(settings, indent=2) + "\n")
            written.replace(file)
        elif differing := _differing(file, settings):
            raise PartsError(
                f"{folder} holds parts made with another {', '.join(differing)}: go on with the "
                f"same settings, see {file}, or remove the folder"
            )

    def __contains__(self, name: str) -> bool:
        """Tell whether a part is there."""
        return self._file(name).exists()

    def read(self, name: str) -> pa.Table:
        """Return a part."""
        return pq.read_table(self._file(name))

    def write(self, name: str, part: pa.Table) -> None:
        """Keep a part."""
        write_table(part, self._file(name))

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.folder)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"


def write_table(table: pa.Table, file: Path) -> None:
    """Write a parquet file so that nobody ever finds half of it."""
    written = _beside(file)
    pq.write_table(table, written)
    written.replace(file)


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.{os.getpid()}.tmp")


def _differing(file: Path, wanted: Mapping[str, Any]) -> list[str]:
    """Return the names of the settings that are not those in a file."""
    try:
        there = json.loads(file.read_text())
    except ValueError as error:
        raise PartsError(f"{file} is not JSON: {error}; remove the folder") from error
    return [name for name in wanted if there.get(name) != wanted[name]]
