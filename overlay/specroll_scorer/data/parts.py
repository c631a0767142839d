"""Parts of a long computation, kept in a folder, so that a second run goes on from the first."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from specroll_scorer.folder_settings import keep_settings
from specroll_scorer.whole_files import beside


class Parts:
    """A folder with one parquet file a part, whole or absent, and what all were made with."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Open the folder, or make it.

        Raises:
            SettingsError: its parts were made with other settings, or nobody knows with which.
        """
        self.folder = folder
        keep_settings(folder, settings)

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
    written = beside(file)
    pq.write_table(table, written)
    written.replace(file)
