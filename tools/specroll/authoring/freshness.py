"""Whether patches and lock are what the pinned artefacts give, computed anew."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from specroll.authoring import fresh_lock
from specroll.errors import ToolError
from specroll.stack.archive import paths, read_files
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.lock import FILE_NAME, Lock
from specroll.stack.registry import Package, Stack
from specroll.stack.series import Series, check_reviewed, load_parts

Artefacts = Mapping[str, Path]


def artefacts_at_hand(package: Package, store: Store) -> Artefacts:
    """Return the artefacts of a package that need not be downloaded, by variant.

    Raises:
        NotPinnedError: one has not the pinned content.
    """
    found = {name: store.at_hand(variant) for name, variant in package.variants.items()}
    return {name: path for name, path in found.items() if path}


def breaches(
    distribution: Distribution, stack: Stack, package: Package, lock: Lock, artefacts: Artefacts
) -> list[str]:
    """Compute lock and patches anew from the artefacts; say where what is there differs."""
    try:
        series = load_parts(stack, package)
        for name, part in series.items():
            entries = lock.packages[package.name].parts[name].series
            check_reviewed(stack.folder / package.name, part, entries)
        found = list(_lock_breaches(distribution, stack, package, lock, artefacts))
        alike = _edited_alike(package, lock, artefacts)
        if alike and package.whole.series:
            found += _export_breaches(stack, package, series, alike[0])
        return [*found, *_collisions(distribution, package, artefacts)]
    except ToolError as error:
        return error.sentences()


def _lock_breaches(
    distribution: Distribution, stack: Stack, package: Package, lock: Lock, artefacts: Artefacts
) -> Iterator[str]:
    locked = lock.packages[package.name]
    kept = {name: value for name, value in locked.variants.items() if name not in artefacts}
    store = Store(tuple(path.parent for path in artefacts.values()))
    series = load_parts(stack, package)
    fresh = fresh_lock.compute(distribution, package, series, store, replace(locked, variants=kept))
    if fresh != locked:
        yield (
            f"{stack.folder / FILE_NAME} is not what a fresh computation gives for {package.name};"
            " review the change and run"
            f" `apply-patches refresh {package.name} --stack {stack.name}`"
        )


def _edited_alike(package: Package, lock: Lock, artefacts: Artefacts) -> list[Path]:
    """Return the artefacts that give the same patches as the first, which `edit` begins with.

    A patch names the hashes of the files that it was made from.
    """
    locked = lock.packages[package.name].variants
    first = next(iter(package.variants))
    return [path for key, path in artefacts.items() if locked[key].files == locked[first].files]


def _export_breaches(
    stack: Stack, package: Package, parts: Mapping[str, Series], artefact: Path
) -> Iterator[str]:
    # Here and not above: GitPython needs a git binary, and only this does.
    from specroll.authoring.workspace import Workspace

    series = Series(tuple(patch for part in parts.values() for patch in part.patches))
    with tempfile.TemporaryDirectory() as folder:
        pristine = read_files(artefact, series.paths).items()
        workspace = Workspace.create(Path(folder) / package.name, pristine, series.patches)
        exported = workspace.export(stack.sets)
    for patch, (exported_name, data) in zip(series.patches, exported, strict=True):
        path = stack.folder / package.name / patch.name
        if (patch.name, path.read_bytes()) != (exported_name, data):
            yield (
                f"{path} is not what exporting it gives, {exported_name} with git's diff; run"
                f" `apply-patches edit {package.name}`, then `refresh {package.name}`"
            )


def _collisions(
    distribution: Distribution, package: Package, artefacts: Artefacts
) -> Iterator[str]:
    for artefact in artefacts.values():
        for path in sorted(paths(artefact) & set(package.whole.overlay)):
            place = distribution.overlay / path
            yield f"{place} exists in {artefact.name} too; patch it, or rename"
