"""How a lock is computed: the series is played on every pinned artefact."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

from specroll.errors import DriftError, PatchError
from specroll.stack import overlay
from specroll.stack.archive import read_files
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.lock import FileLock, PackageLock, PartLock, VariantLock, fingerprint
from specroll.stack.registry import Package, Variant
from specroll.stack.series import Series
from specroll.stack.sets import BASE

Files = Mapping[str, FileLock]


def compute(
    distribution: Distribution,
    package: Package,
    series: Mapping[str, Series],
    store: Store,
    known: PackageLock | None,
) -> PackageLock:
    """Return the lock of a package whose parts have these series.

    An artefact is read only where a series or the pin has changed since the known lock.

    Raises:
        PatchError: a patch does not apply, two sets touch one file, or an overlay file is missing.
        DriftError: a touched file of an artefact has Windows line endings.
        NotPinnedError: an artefact cannot be had, or is not the pinned one.
    """
    _refuse_shared_files(package, series)
    entries = {name: part.entries for name, part in series.items()}
    same = known and {name: part.series for name, part in known.parts.items()} == entries
    variants = {}
    for name, variant in package.variants.items():
        old = known.variants.get(name) if known and same else None
        is_known = old is not None and old.artefact == variant.artefact
        variants[name] = old if old and is_known else _lock_variant(variant, series, store)
    parts = {}
    for name, part in package.parts.items():
        contents = overlay.load(distribution.overlay, part.overlay)
        added = {path: str(fingerprint(data)) for path, data in contents.items()}
        parts[name] = PartLock(entries[name], added)
    return PackageLock(package.version, parts, variants)


def _refuse_shared_files(package: Package, series: Mapping[str, Series]) -> None:
    """Refuse sets that would have to be applied in one order, or in one company."""
    for one, other in combinations([name for name in series if name != BASE], 2):
        for path in sorted({*series[one].paths} & {*series[other].paths}):
            raise PatchError(
                f"Sets {one} and {other} of {package.name} both change {path}; move what they have"
                " in common into the base"
            )


def _lock_variant(variant: Variant, series: Mapping[str, Series], store: Store) -> VariantLock:
    paths = {path for part in series.values() for path in part.paths}
    if not paths:
        return VariantLock(variant.artefact, {name: {} for name in series})
    artefact = store.fetch(variant)
    before = read_files(artefact, paths)
    base = _played(artefact, series[BASE], before)
    files = {BASE: base}
    for name, part in series.items():
        if name != BASE:
            played = _played(artefact, series[BASE] + part, before)
            files[name] = {path: file for path, file in played.items() if base.get(path) != file}
    return VariantLock(variant.artefact, files)


def _played(artefact: Path, series: Series, before: Mapping[str, bytes]) -> dict[str, FileLock]:
    try:
        after = series.play(before.get)
    except (PatchError, DriftError) as error:
        raise type(error)(
            f"{artefact}: {error}; correct the patch with `edit`, or --drop it from a rebase"
        ) from error
    return {
        path: FileLock(fingerprint(before.get(path)), fingerprint(data))
        for path, data in after.items()
    }
