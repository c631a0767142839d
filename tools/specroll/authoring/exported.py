"""The patches that a scratch repository is exported as."""

from __future__ import annotations

from collections.abc import Mapping

from specroll.authoring.workspace import listing
from specroll.errors import PatchError
from specroll.stack.lock import fingerprint
from specroll.stack.patch import Patch
from specroll.stack.registry import Package
from specroll.stack.series import Series, part_of

# Name and bytes of each patch of a package, in their order.
Export = Mapping[str, bytes]


def series(export: Export, package: Package) -> Mapping[str, Series]:
    """Return the series of each part of a package, also of those that no patch is left of.

    Raises:
        PatchError: a commit cannot be a patch.
    """
    found: dict[str, list[Patch]] = {part: [] for part in package.parts}
    for name, data in export.items():
        try:
            patch = Patch.parse(name, data, package.name)
        except PatchError as error:
            repository = f"the scratch repository of {package.name}"
            raise PatchError(f"A commit in {repository} {error}") from error
        found.setdefault(part_of(name), []).append(patch)
    return {part: Series(tuple(patches)) for part, patches in found.items()}


def origin(patches: Mapping[str, bytes | None]) -> bytes:
    """Return what a scratch repository notes of the series that it stands for.

    Args:
        patches: The bytes of each patch by its name, None for one that is not there.
    """
    return listing((name, fingerprint(data)) for name, data in patches.items())
