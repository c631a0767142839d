"""A series of patches played one after another in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from specroll.errors import Collector, DriftError, PatchError
from specroll.stack.lock import PackageLock
from specroll.stack.patch import Patch, Reader
from specroll.stack.registry import Package, Stack


@dataclass(frozen=True)
class Series:
    """The patches of a package in their order."""

    patches: tuple[Patch, ...]

    @classmethod
    def load(cls, stack: Stack, package: Package) -> Series:
        """Read all patches of a package.

        Raises:
            PatchError: a patch is missing or refused; `CollectedError` when there are several.
        """
        failures = Collector()
        patches = []
        for name in package.series:
            with failures.attempt():
                patches.append(Patch.load(stack.folder / package.name / name, package.name))
        failures.settle()
        return cls(tuple(patches))

    @property
    def paths(self) -> list[str]:
        """The files that the series touches."""
        return sorted({file.path for patch in self.patches for file in patch.files})

    def play(self, read: Reader) -> Mapping[str, bytes | None]:
        """Return the bytes of every touched file after the last patch, None where it is deleted.

        Raises:
            DriftError: a file has Windows line endings.
            PatchError: a patch does not fit.
        """
        after: dict[str, bytes | None] = {}

        def current(path: str) -> bytes | None:
            return after[path] if path in after else read(path)

        for patch in self.patches:
            try:
                after.update(patch.apply(current))
            except (DriftError, PatchError) as error:
                raise type(error)(f"{patch.name} does not apply: {error}") from error
        return after


def check_reviewed(stack: Stack, series: Series, lock: PackageLock) -> None:
    """Compare the patches with the lock.

    Raises:
        PatchError: a patch has changed since it was locked.
    """
    failures = Collector()
    for patch, entry in zip(series.patches, lock.series, strict=True):
        if patch.sha256 != entry.sha256:
            failures.add(
                PatchError(
                    f"{stack.folder}/*/{patch.name} is not what stack.lock.json was made from;"
                    " review it and run `apply-patches refresh`"
                )
            )
    failures.settle()
