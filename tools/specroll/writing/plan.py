"""What the files of a package shall hold, worked out in memory before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from specroll.errors import Collector, DriftError, PatchError
from specroll.stack import overlay
from specroll.stack.distribution import Distribution
from specroll.stack.lock import fingerprint
from specroll.stack.series import Series, check_reviewed
from specroll.target import bytecode, state
from specroll.target.installed import Installed
from specroll.target.record import Record, entry
from specroll.target.selection import Member
from specroll.target.state import State
from specroll.writing import transaction
from specroll.writing.journal import Batch, Change
from specroll.writing.layers import Contents, Layers


@dataclass(frozen=True)
class Plan:
    """The changes of one package, and the folders to remove once they are empty."""

    installed: Installed
    changes: tuple[Change, ...]
    surplus: tuple[Path, ...]

    @classmethod
    def of(
        cls,
        installed: Installed,
        contents: Contents,
        surplus: Iterable[str] = (),
        origins: Mapping[str, str] = MappingProxyType({}),
    ) -> Plan:
        """Keep of the wanted contents those that differ from what is there.

        A file takes the time of its origin: compiled modules are valid for one time of the source.

        Raises:
            DriftError: a file lies beyond a symbolic link that leaves the root.
            TargetError: a file cannot be read.
        """
        changes = [
            Change(installed.root / path, data, installed.time(origins.get(path)))
            for path, data in contents.items()
            if installed.read(path) != data
        ]
        _refuse_links_outside(installed, changes)
        folders = [installed.root / path for path in sorted(surplus, reverse=True)]
        return cls(installed, tuple(changes), tuple(folders))


def carry_out(plans: Sequence[Plan]) -> None:
    """Write all plans in one transaction.

    Raises:
        TargetError: a folder is not writable or the disk is full; nothing has been changed.
    """
    roots = dict.fromkeys(plan.installed.root for plan in plans)
    transaction.run(*(_batch(root, plans) for root in roots))


def _batch(root: Path, plans: Sequence[Plan]) -> Batch:
    inside = [plan for plan in plans if plan.installed.root == root]
    changes = [change for plan in inside for change in plan.changes]
    return Batch(root, changes, [folder for plan in inside for folder in plan.surplus])


def _refuse_links_outside(installed: Installed, changes: Iterable[Change]) -> None:
    failures = Collector()
    root = installed.root.resolve()
    for folder in sorted({change.path.parent for change in changes}):
        if not folder.resolve().is_relative_to(root):
            failures.add(
                DriftError(
                    f"{folder} is outside of {root} through a symbolic link; put the files there,"
                    " or name the tree that holds them with --root"
                )
            )
    failures.settle()


def forward_all(distribution: Distribution, members: Sequence[Member]) -> list[Plan]:
    """Plan every package as the lock wants it.

    Raises:
        ToolError: a package cannot be planned; `CollectedError` when there are several reasons.
    """
    failures = Collector()
    plans = []
    for member in members:
        with failures.attempt():
            plans.append(forward(distribution, member))
    failures.settle()
    return plans


@dataclass(frozen=True)
class Pristine:
    """A package without our doing, as far as a former patch set touched it or the new one does.

    Attributes:
        undone: What the former patch set touched.
        base: The files that the series touches, verified against the lock.
        record: RECORD by its path; nothing for a tree without RECORD.
        compiled: Bytecode that RECORD lists for modules of the base.
    """

    undone: Contents
    base: Contents
    record: Mapping[str, bytes]
    compiled: Mapping[str, bytes]

    @classmethod
    def of(cls, member: Member, old: State | None) -> Pristine:
        """Collect it from what is installed and what the former state saved.

        Raises:
            DriftError: a file holds foreign bytes; `CollectedError` when there are several.
            TargetError: a file cannot be read.
        """
        undone = _undone(member.installed, old) if old else {}
        base = _base(member, undone)
        record = _pristine_record(member.installed, old)
        return cls(undone, base, record, _compiled(member.installed, record, base, undone))

    @property
    def saved(self) -> Contents:
        """All that `revert` puts back, by its path in the package."""
        return {**self.base, **self.record, **self.compiled}


def forward(distribution: Distribution, member: Member) -> Plan:
    """Plan a package as the lock wants it, from whatever patch set it holds now.

    Raises:
        PatchError: the patches or the overlay are not what was locked, or do not apply.
        DriftError: a file holds foreign bytes; `CollectedError` when there are several.
        TargetError: a file cannot be read.
    """
    installed = member.installed
    old = State.load(installed)
    if member.content.is_empty:
        return backward(installed, old) if old else Plan.of(installed, {})
    pristine = Pristine.of(member, old)
    copies = _saved_paths(installed, pristine.saved)
    patched = _patched(member, pristine.base)
    added = _overlay(distribution, member, old)
    folders = _made_folders(
        installed, old, [*patched, *added, *copies.values(), installed.state_file]
    )
    layers = _layers(member, pristine, old, patched, added, folders)
    origins = {copy: path for path, copy in copies.items()}
    origins |= _saved_paths(installed, layers.undone.keys() - patched.keys() - added.keys())
    surplus = set(old.folders) - set(folders) if old else ()
    return Plan.of(installed, layers.contents(), surplus, origins)


def _layers(
    member: Member,
    pristine: Pristine,
    old: State | None,
    patched: Contents,
    added: Contents,
    folders: tuple[str, ...],
) -> Layers:
    installed, compiled = member.installed, pristine.compiled
    saved = {state.saved_path(installed, path): data for path, data in pristine.saved.items()}
    described = {installed.state_file: _new_state(member, folders, compiled).dump()}
    listed = {**patched, **added, **dict.fromkeys(compiled), **saved, **described}
    return Layers(
        # Bytecode that was set aside before stays so, and what lies in its place stays, too: Python
        # compiled it from the patched module.
        undone={path: data for path, data in pristine.undone.items() if path not in compiled},
        former_state=dict.fromkeys(state.state_files(installed, old)) if old else {},
        patched=patched,
        overlay=added,
        set_aside=dict.fromkeys(compiled.keys() - pristine.undone.keys()),
        saved=saved,
        state=described,
        record={path: Record.parse(data).updated(listed) for path, data in pristine.record.items()},
    )


def backward(installed: Installed, old: State) -> Plan:
    """Plan a package as it was before it was patched.

    Raises:
        DriftError: a file holds foreign bytes, or saved bytes are missing.
        TargetError: a file cannot be read.
    """
    stale = dict.fromkeys(state.state_files(installed, old))
    pristine = {**_undone(installed, old), **_pristine_record(installed, old)}
    origins = _saved_paths(installed, pristine)
    return Plan.of(installed, {**pristine, **stale}, old.folders, origins)


def _saved_paths(installed: Installed, paths: Iterable[str]) -> dict[str, str]:
    return {path: state.saved_path(installed, path) for path in paths}


def _undone(installed: Installed, old: State) -> dict[str, bytes | None]:
    failures = Collector()
    hashes = {path: (file.before, file.after) for path, file in old.files.items()}
    hashes.update({path: (None, digest) for path, digest in old.overlay.items()})
    for path, known in hashes.items():
        if fingerprint(installed.read(path)) not in known:
            failures.add(_drift(installed, path))
    failures.settle()
    return {**state.saved(installed, old), **dict.fromkeys(old.overlay)}


def _base(member: Member, undone: Contents) -> dict[str, bytes | None]:
    """Return the bytes that the series starts from, verified against the lock."""
    failures = Collector()
    base = {}
    for path, file in member.content.files.items():
        base[path] = undone[path] if path in undone else member.installed.read(path)
        if fingerprint(base[path]) != file.before:
            failures.add(_drift(member.installed, path, base[path]))
    failures.settle()
    return base


def _patched(member: Member, base: Contents) -> Contents:
    series = Series.load(member.stack, member.package.name, member.content.patches)
    folder = member.stack.folder / member.package.name
    check_reviewed(folder, series, member.content.series)
    after = series.play(base.get)
    expected = {path: file.after for path, file in member.content.files.items()}
    if {path: fingerprint(data) for path, data in after.items()} != expected:
        raise PatchError(
            f"{member.stack.folder / 'stack.lock.json'} does not name the bytes that the patches of"
            f" {member.package.name} give; run `apply-patches refresh {member.package.name}`"
        )
    return after


def _overlay(distribution: Distribution, member: Member, old: State | None) -> Contents:
    failures = Collector()
    contents = overlay.load(distribution.overlay, list(member.content.overlay))
    ours = old.overlay if old else {}
    for path, data in contents.items():
        digest = member.content.overlay[path]
        if fingerprint(data) != digest:
            failures.add(
                PatchError(
                    f"{distribution.overlay / path} is not what stack.lock.json was made from;"
                    f" review it and run `apply-patches refresh {member.package.name}`"
                )
            )
        if fingerprint(member.installed.read(path)) not in (None, digest, ours.get(path)):
            place = member.installed.root / path
            failures.add(DriftError(f"{place} is a foreign file in our way; move or delete it"))
    failures.settle()
    return contents


def _pristine_record(installed: Installed, old: State | None) -> dict[str, bytes]:
    """Return RECORD as it was before, by its path; nothing for a tree without RECORD."""
    path = installed.record_path
    if not path:
        return {}
    current = installed.read(path) or b""
    if not old:
        return {path: current}
    before = installed.read(state.saved_path(installed, path))
    ours = {*old.files, *old.overlay, *old.compiled, *state.state_files(installed, old)}
    if before is None or _others(before, ours) != _others(current, ours):
        raise _drift(installed, path)
    # An altered state would leave patched files behind; the other saved files it vouches for.
    for name in (installed.state_file, state.saved_path(installed, path)):
        if Record.parse(current).line(name) != entry(name, installed.read(name) or b""):
            raise _drift(installed, name)
    return {path: before}


def _compiled(
    installed: Installed, record: Mapping[str, bytes], base: Contents, undone: Contents
) -> dict[str, bytes]:
    """Return the bytecode that RECORD lists for the modules that the series starts from."""
    contents = {}
    for path in (path for data in record.values() for path in Record.parse(data).paths):
        module = bytecode.module(path)
        if module and base.get(module) is not None:
            data = undone.get(path) if module in undone else installed.read(path)
            contents.update({path: data} if data is not None else {})
    return contents


def _others(record: bytes, ours: set[str]) -> tuple[bytes, ...]:
    return Record.parse(record).without(ours)


def _made_folders(installed: Installed, old: State | None, paths: Sequence[str]) -> tuple[str, ...]:
    """Return the folders that exist only because of these files."""
    parents = {parent.as_posix() for path in paths for parent in PurePosixPath(path).parents}
    ours = old.folders if old else ()
    made = (path for path in parents if path in ours or not (installed.root / path).is_dir())
    return tuple(sorted(made))


def _new_state(member: Member, folders: tuple[str, ...], compiled: Mapping[str, bytes]) -> State:
    return State(
        stack=member.stack.name,
        package=member.package.name,
        distribution=member.variant.distribution,
        version=member.variant.version,
        lock=member.content.digest,
        patches=member.content.patches,
        sets=member.content.sets,
        choice=member.choice,
        files=member.content.files,
        overlay=member.content.overlay,
        folders=folders,
        compiled={path: str(fingerprint(data)) for path, data in compiled.items()},
    )


def _drift(installed: Installed, path: str, data: bytes | None = None) -> DriftError:
    has = "has Windows line endings (CRLF)" if b"\r\n" in (data or b"") else "holds foreign bytes"
    return DriftError(f"{installed.root / path} {has}; {_remedy(installed)}")


def _remedy(installed: Installed) -> str:
    if installed.info:
        return f"reinstall {installed.distribution} and apply again"
    # Installing a checkout anew leaves its files, and the state beside them, as they are.
    if installed.is_patched:
        saved = installed.root / installed.state_folder
        return f"restore it and try again, or restore the whole tree and delete {saved}"
    return "restore it and try again"
