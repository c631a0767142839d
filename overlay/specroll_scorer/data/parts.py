"""Parts of a long computation, kept in a folder, so that a second run goes on from the first."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from specroll_scorer.folder_settings import keep_settings
from specroll_scorer.whole_files import replacing


class Parts:
    """A folder with one parquet file a part, whole or absent, and what all were made with.

    Example:
        >>> from tempfile import mkdtemp
        >>> parts = Parts(Path(mkdtemp()), {"seed": 1})
        >>> parts.write("drafts-0", pa.table({"draft": [[1, 2], [3]]}))
        >>> "drafts-0" in parts, "drafts-1" in parts
        (True, False)
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Open the folder, or make it.

        Args:
            folder: of the parts, and of nothing else.
            settings: what the parts are made with, see `keep_settings`.

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
    with replacing(file) as unfinished:
        pq.write_table(table, unfinished)
