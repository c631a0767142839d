"""A series of patches played one after another in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from specroll.errors import Collector, DriftError, PatchError
from specroll.stack.lock import SeriesEntry
from specroll.stack.patch import Patch, Reader
from specroll.stack.registry import Package, Stack
from specroll.stack.sets import BASE


@dataclass(frozen=True)
class Series:
    """The patches of a package in their order.

    >>> Series(()).play(lambda path: None)
    {}
    """

    patches: tuple[Patch, ...]

    @classmethod
    def load(cls, stack: Stack, package: str, names: Iterable[str]) -> Series:
        """Read patches of a package.

        Raises:
            PatchError: a patch is missing or refused; `CollectedError` when there are several.
        """
        failures = Collector()
        patches = []
        for name in names:
            with failures.attempt():
                patches.append(Patch.load(stack.folder / package, name))
        failures.settle()
        return cls(tuple(patches))

    def __add__(self, other: Series) -> Series:
        """Return this series with the other one after it."""
        return Series(self.patches + other.patches)

    @property
    def entries(self) -> tuple[SeriesEntry, ...]:
        """The patches as a lock lists them."""
        return tuple(SeriesEntry(patch.name, patch.sha256) for patch in self.patches)

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


def part_of(patch: str) -> str:
    """Return the part that a patch belongs to by its folder.

    >>> part_of("cpu/0001-bugfix-slow.patch"), part_of("0001-bugfix-first.patch")
    ('cpu', 'base')
    """
    return PurePosixPath(patch).parent.name or BASE


def load_parts(stack: Stack, package: Package) -> Mapping[str, Series]:
    """Read all patches of a package, by part.

    Raises:
        PatchError: a patch is missing or refused; `CollectedError` when there are several.
    """
    failures = Collector()
    parts = {}
    for name, part in package.parts.items():
        with failures.attempt():
            parts[name] = Series.load(stack, package.name, part.series)
    failures.settle()
    return parts


def check_reviewed(folder: Path, series: Series, entries: Iterable[SeriesEntry]) -> None:
    """Compare the patches of a folder with what was locked.

    Raises:
        PatchError: a patch has changed since; `CollectedError` when several have.
    """
    failures = Collector()
    for patch, entry in zip(series.patches, entries, strict=True):
        if patch.sha256 != entry.sha256:
            failures.add(
                PatchError(
                    f"{folder / patch.name} is not what stack.lock.json was made from;"
                    " review it and run `apply-patches refresh`"
                )
            )
    failures.settle()
