"""What was proven of a stack's patches: the file `patches/STACK/proofs.json`.

A record holds the hash of the patch that it was made of. It is one of the past once the patch has
changed, and is left out as soon as something else is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from specroll.stack.registry import PROOFS_NAME
from specroll.writing import disk

from ci.proving.patches import ProvablePatch


class RecordsError(Exception):
    """The file is not what `write` leaves."""


@dataclass(frozen=True)
class Record:
    """What happened without a patch.

    Attributes:
        sha256: The patch's hash.
        missing: The patches that were missing: this one, and those after it that build on it.
        proofs: How each proof failed, in a few words.
    """

    sha256: str
    missing: Sequence[str]
    proofs: Mapping[str, str]


# By the path of the patch.
Records = dict[str, Record]


def read(folder: Path) -> Records:
    """Return the records of a stack's folder, none where nothing was proven yet.

    Raises:
        RecordsError: the file is damaged.
    """
    path = folder / PROOFS_NAME
    if not path.exists():
        return {}
    try:
        return {name: Record(**values) for name, values in json.loads(path.read_bytes()).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise RecordsError(f"{path} is damaged ({error}); delete it and prove anew") from error


def write(folder: Path, records: Records) -> None:
    """Write records; a crash leaves the old file or this one."""
    facts = {name: asdict(record) for name, record in records.items()}
    data = f"{json.dumps(facts, indent=1, sort_keys=True)}\n".encode()
    disk.write_whole(folder / PROOFS_NAME, data, f"{PROOFS_NAME}.part")


def of_patches(records: Records, patches: Sequence[ProvablePatch]) -> Records:
    """Return the records of patches that are still what was proven."""
    return {
        patch.path: records[patch.path]
        for patch in patches
        if patch.path in records and records[patch.path].sha256 == patch.sha256
    }
