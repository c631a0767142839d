"""How a lock is computed: the series is played on every pinned artefact."""

from __future__ import annotations

from specroll.errors import DriftError, PatchError
from specroll.stack import overlay
from specroll.stack.artefact import Store, read_files
from specroll.stack.distribution import Distribution
from specroll.stack.lock import FileLock, PackageLock, SeriesEntry, VariantLock, fingerprint
from specroll.stack.registry import Package, Variant
from specroll.stack.series import Series


def compute(
    distribution: Distribution,
    package: Package,
    series: Series,
    store: Store,
    known: PackageLock | None,
) -> PackageLock:
    """Return the lock of a package.

    An artefact is read only where the series or the pin has changed since the known lock.

    Raises:
        PatchError: a patch does not apply, or an overlay file is missing.
        DriftError: a touched file of an artefact has Windows line endings.
        NotPinnedError: an artefact cannot be had, or is not the pinned one.
    """
    entries = tuple(SeriesEntry(patch.name, patch.sha256) for patch in series.patches)
    variants = {}
    for name, variant in package.variants.items():
        old = known.variants.get(name) if known and known.series == entries else None
        same = old is not None and old.artefact == variant.artefact
        variants[name] = old if old and same else _lock_variant(variant, series, store)
    contents = overlay.load(distribution.overlay, package.overlay)
    added = {path: str(fingerprint(data)) for path, data in contents.items()}
    return PackageLock(package.version, entries, variants, added)


def _lock_variant(variant: Variant, series: Series, store: Store) -> VariantLock:
    if not series.patches:
        return VariantLock(variant.artefact, {})
    wheel = store.fetch(variant)
    before = read_files(wheel, series.paths)
    try:
        after = series.play(before.get)
    except (PatchError, DriftError) as error:
        raise type(error)(f"{wheel}: {error}; correct the patch with `edit`") from error
    files = {
        path: FileLock(fingerprint(before.get(path)), fingerprint(data))
        for path, data in after.items()
    }
    return VariantLock(variant.artefact, files)
