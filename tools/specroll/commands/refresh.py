"""Export scratch repositories as patches, and lock the stack anew."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from specroll.authoring import exported, fresh_lock, series_list
from specroll.authoring.exported import Export
from specroll.authoring.workspace import Workspace
from specroll.errors import Collector, PatchError
from specroll.report import Report
from specroll.stack import lock, registry
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.lock import Lock, PackageLock
from specroll.stack.registry import Package, Stack
from specroll.stack.series import Series, load_parts, part_of
from specroll.target.installed import read
from specroll.wording import counted
from specroll.writing import transaction
from specroll.writing.journal import Batch, Change


def refresh(
    distribution: Distribution, stack_name: str, names: tuple[str, ...], store: Store, workdir: Path
) -> Report:
    """Export every scratch repository, lock each package, write in one transaction, report.

    Raises:
        ToolError: a commit cannot be a patch, or the lock cannot be computed; nothing is written.
    """
    folder = distribution.stack_folder(stack_name)
    with transaction.exclusive(folder):
        transaction.recover(folder, workdir)
        old = Stack.load(distribution, stack_name)
        chosen = [old.package(name) for name in names or old.packages]
        workspaces = _workspaces(chosen, workdir)
        exports = _exports(old, workspaces)
        locks = _locks(distribution, old, chosen, exports, store)
        changes = _changes(distribution, old, exports, locks)
        transaction.run(Batch(folder, [*changes, *_origins(workspaces, exports)]))
    return _report(old, chosen, locks, changes)


def _workspaces(chosen: list[Package], workdir: Path) -> Mapping[str, Workspace]:
    """Return the scratch repository of each package that has one."""
    opened = {package.name: Workspace.open(workdir / package.name) for package in chosen}
    return {name: workspace for name, workspace in opened.items() if workspace}


def _exports(old: Stack, workspaces: Mapping[str, Workspace]) -> Mapping[str, Export]:
    """Return the patches of each scratch repository."""
    failures = Collector()
    exports: dict[str, Export] = {}
    for name, workspace in workspaces.items():
        with failures.attempt():
            exports[name] = dict(workspace.export(old.sets))
            _require_origin(old, name, workspace, exports[name])
            _refuse_unlisted(old, name)
    failures.settle()
    return exports


def _require_origin(old: Stack, name: str, workspace: Workspace, export: Export) -> None:
    """Refuse to overwrite patches that came into the tree after the repository was made."""
    folder = old.folder / name
    present = {patch: read(folder / patch) for patch in old.package(name).whole.series}
    if exported.origin(present) not in (read(workspace.origin), exported.origin(export)):
        raise PatchError(
            f"{folder} holds another series than the one that {workspace.repository.working_dir}"
            f" was made from; move that folder away, run `apply-patches edit {name}` again and"
            " carry your commits over"
        )


def _refuse_unlisted(old: Stack, name: str) -> None:
    """Refuse to export over, or beside, patches that only their author knows of."""
    failures = Collector()
    folder = old.folder / name
    listed = [folder / patch for patch in old.package(name).whole.series]
    for path in sorted(folder.rglob("*.patch")):
        if path not in listed:
            problem = f"{path} is in no series; name it in {registry.FILE_NAME}, or move it away"
            failures.add(PatchError(problem))
    failures.settle()


def _origins(workspaces: Mapping[str, Workspace], exports: Mapping[str, Export]) -> list[Change]:
    """Let each scratch repository stand for what was exported from it."""
    return [
        Change(workspaces[name].origin, exported.origin(export)) for name, export in exports.items()
    ]


def _locks(
    distribution: Distribution,
    old: Stack,
    chosen: list[Package],
    exports: Mapping[str, Export],
    store: Store,
) -> Mapping[str, PackageLock]:
    """Return the lock of every package, computed for the chosen ones and for those without."""
    locks = _known_locks(old)
    failures = Collector()
    for package in old.packages.values():
        if package in chosen or package.name not in locks:
            with failures.attempt():
                series = _parts(old, package, exports)
                known = locks.get(package.name)
                locks[package.name] = fresh_lock.compute(
                    distribution, package, series, store, known
                )
    failures.settle()
    return {name: locks[name] for name in old.packages}


def _known_locks(old: Stack) -> dict[str, PackageLock]:
    """Return what is locked; nothing of a lock that cannot be read, which is computed anew."""
    with suppress(PatchError):
        return dict(Lock.parse(old.folder / lock.FILE_NAME).packages)
    return {}


def _parts(old: Stack, package: Package, exports: Mapping[str, Export]) -> Mapping[str, Series]:
    """Return the new series of a package by part."""
    if package.name not in exports:
        return load_parts(old, package)
    return exported.series(exports[package.name], package)


def _changes(
    distribution: Distribution,
    old: Stack,
    exports: Mapping[str, Export],
    locks: Mapping[str, PackageLock],
) -> list[Change]:
    description = old.folder / registry.FILE_NAME
    contents: dict[Path, bytes | None] = {}
    text = description.read_bytes()
    for name, export in exports.items():
        package = old.package(name)
        contents |= {old.folder / name / patch: None for patch in package.whole.series}
        contents |= {old.folder / name / patch: data for patch, data in export.items()}
        for part in dict.fromkeys([*package.parts, *map(part_of, export)]):
            series = [patch for patch in export if part_of(patch) == part]
            text = series_list.replaced(distribution, old, text, (name, part), series)
    contents |= {description: text, old.folder / lock.FILE_NAME: Lock(locks).dump()}
    return [Change(path, data) for path, data in contents.items() if read(path) != data]


def _report(
    old: Stack,
    chosen: list[Package],
    locks: Mapping[str, PackageLock],
    changes: list[Change],
) -> Report:
    report = Report(facts={"changed": [str(change.path) for change in changes]})
    changed = {change.path for change in changes}
    for package in chosen:
        for part in locks[package.name].parts.values():
            for entry in part.series:
                path = old.folder / package.name / entry.patch
                report.add("written" if path in changed else "ok", f"{package.name}/{entry.patch}")
    for change in changes:
        if change.data is None:
            report.add("removed", change.path.relative_to(old.folder).as_posix())
    written = sum(change.data is not None for change in changes)
    report.summary = f"{counted(written, 'file')} written" if changes else "nothing to do"
    return report
