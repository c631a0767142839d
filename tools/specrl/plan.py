"""What the files of a package shall hold, worked out in memory before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from specrl import series, state
from specrl.distribution import Distribution
from specrl.errors import Collector, DriftError, PatchError
from specrl.installed import Installed
from specrl.record import Record
from specrl.selection import Member
from specrl.series import Series, fingerprint
from specrl.state import State
from specrl.transaction import Change

Contents = Mapping[str, "bytes | None"]


@dataclass(frozen=True)
class Plan:
    """The wanted content of every file concerned, and the folders to remove once empty."""

    installed: Installed
    contents: Contents
    surplus_folders: Sequence[str] = ()

    @property
    def changes(self) -> list[Change]:
        """The files whose content is not the wanted one."""
        return [
            Change(self.installed.root / path, data)
            for path, data in self.contents.items()
            if self.installed.read(path) != data
        ]

    @property
    def surplus(self) -> list[Path]:
        """Absolute paths of the folders to remove once empty, innermost first."""
        return [self.installed.root / path for path in sorted(self.surplus_folders, reverse=True)]


def forward(distribution: Distribution, member: Member) -> Plan:
    """Plan a package as the lock wants it, from whatever patch set it holds now.

    Raises:
        PatchError: the patches or the overlay are not what was locked, or do not apply.
        DriftError: a file holds foreign bytes; `Failures` when there are several.
        TargetError: a file cannot be read.
    """
    installed = member.installed
    old = State.load(installed)
    if member.is_empty:
        return backward(installed, old) if old else Plan(installed, {})
    base = _base(member, old)
    after = _patched(member, base)
    overlay = _overlay(distribution, member, old)
    written = {**after, **overlay}
    undone = _undone(installed, old, written)
    saved = {state.saved_path(installed, path): base[path] for path in after}
    record = _pristine_record(installed, old)
    if installed.record_path:
        saved[state.saved_path(installed, installed.record_path)] = record
    stale = {path: None for path in state.state_files(installed)}
    folders = _made_folders(installed, old, [*written, *saved])
    state_path = f"{installed.state_folder}/{state.FILE_NAME}"
    new = _new_state(member, folders)
    kept: Contents = {**stale, **saved, state_path: new.dump()}
    contents = {**undone, **written, **kept}
    if installed.record_path and record is not None:
        listed = {**written, **kept}
        contents[installed.record_path] = Record.parse(record).updated(listed)
    return Plan(installed, contents, set(old.folders) - set(folders) if old else ())


def backward(installed: Installed, old: State) -> Plan:
    """Plan a package as it was before it was patched.

    Raises:
        DriftError: a file holds foreign bytes, or saved bytes are missing.
        TargetError: a file cannot be read.
    """
    _require_known_bytes(installed, old)
    contents: dict[str, bytes | None] = dict(state.saved(installed, old))
    contents.update(dict.fromkeys(old.overlay))
    if installed.record_path:
        contents[installed.record_path] = _pristine_record(installed, old)
    contents.update(dict.fromkeys(state.state_files(installed)))
    return Plan(installed, contents, old.folders)
