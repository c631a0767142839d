"""How far a rebase has come: what is left of it on disk whatever stops it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from specroll.errors import RequestError
from specroll.porting.finding import Finding
from specroll.writing import disk

FILE_NAME = "apply-patches-rebase.json"

CARRIED, MERGED, SUPERFLUOUS, CONFLICT = "carried", "merged", "superfluous", "conflict"
OVERLAY = "overlay"


@dataclass(frozen=True)
class Cell:
    """What became of one patch at one release.

    Attributes:
        release: The release's version.
        patch: The patch's name in the old series; `overlay` for the package's overlay files.
        verdict: `carried`, `merged`, `superfluous` or `conflict`.
        reason: Why it is not `carried`.
        commit: The commit that stands for it, None where there is none.
        findings: What a person must judge.
        is_passed: Whether a conflict is left as it is: nothing is written in the end.

    >>> Cell("1.1", "0001-bugfix-first.patch", "carried").findings
    ()
    """

    release: str
    patch: str
    verdict: str
    reason: str = ""
    commit: str | None = None
    findings: tuple[Finding, ...] = ()
    is_passed: bool = False


@dataclass(frozen=True)
class Session:
    """The rebase of one package.

    Attributes:
        package: The package's name.
        source: The stack that the series comes from.
        version: The release that the series was made for.
        route: The releases that it is carried through; the last one is the aim.
        patches: The old series with its commits, in order.
        cells: What is done, in order; one in conflict is the last.
        accepted: Patches whose findings a person has accepted.
        left: Commits of the repository that are not in the new series any more.
    """

    package: str
    source: str
    version: str
    route: tuple[str, ...]
    patches: tuple[tuple[str, str], ...]
    cells: tuple[Cell, ...] = ()
    accepted: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    @classmethod
    def load(cls, git_folder: Path) -> Session | None:
        """Read the session of a scratch repository, None where it has none.

        Raises:
            RequestError: the file is not what `save` writes.
        """
        path = git_folder / FILE_NAME
        if not path.exists():
            return None
        try:
            values = json.loads(path.read_bytes())
            cells = [
                Cell(**{**cell, "findings": tuple(Finding(**item) for item in cell["findings"])})
                for cell in values.pop("cells")
            ]
            values["patches"] = [tuple(pair) for pair in values["patches"]]
            lists = {
                key: tuple(values.pop(key)) for key in ("route", "patches", "accepted", "left")
            }
            return cls(**{**values, **lists, "cells": tuple(cells)})
        except (ValueError, TypeError, KeyError) as error:
            place = git_folder.parent
            raise RequestError(f"{path} is damaged; move {place} away and begin anew") from error

    def save(self, git_folder: Path) -> None:
        """Write it to the disk as one; a crash leaves the old file or this one."""
        data = json.dumps(asdict(self), indent=1).encode()
        disk.write_whole(git_folder / FILE_NAME, data, f"{FILE_NAME}.part")

    def remove(self, git_folder: Path) -> None:
        """Leave nothing of it on the disk."""
        (git_folder / FILE_NAME).unlink(missing_ok=True)

    def with_cell(self, cell: Cell) -> Session:
        """Return the session with one more cell; a conflict of the same patch gives way to it."""
        return replace(self, cells=(*self.settled, cell))

    def without(
        self, dropped: Collection[str], commits: Mapping[str, str], left: Collection[str]
    ) -> Session:
        """Return the session without some patches at the last release.

        What was said of the others stays, and nobody need look at what is said of those.

        Args:
            dropped: The patches, by their names in the old series.
            commits: The commits that stand for others from now on, by patch.
            left: Commits at which the repository still stands.
        """
        aim = self.route[-1]

        def without_one(cell: Cell) -> Cell:
            if cell.release != aim:
                return cell
            if cell.patch in dropped:
                return Cell(aim, cell.patch, SUPERFLUOUS, "dropped by hand")
            return replace(cell, commit=commits.get(cell.patch, cell.commit))

        return replace(
            self,
            cells=tuple(map(without_one, self.cells)),
            accepted=(*self.accepted, *dropped),
            left=(*self.left, *left),
        )

    @property
    def settled(self) -> tuple[Cell, ...]:
        """The cells without the one in conflict."""
        return self.cells[:-1] if self.conflict else self.cells

    @property
    def conflict(self) -> Cell | None:
        """The cell that stops the rebase."""
        last = self.cells[-1] if self.cells else None
        return last if last and last.verdict == CONFLICT and not last.is_passed else None

    @property
    def due(self) -> tuple[str, str] | None:
        """Release and name of what is to be carried next, None where all is done."""
        done = {(cell.release, cell.patch) for cell in self.settled}
        return next((place for place in self._places() if place not in done), None)

    def _places(self) -> Iterator[tuple[str, str]]:
        dropped = {cell.patch for cell in self.settled if cell.verdict == SUPERFLUOUS}
        done = {(cell.release, cell.patch) for cell in self.settled}
        for release in self.route:
            for name, _ in self.patches:
                if name not in dropped or (release, name) in done:
                    yield release, name
            yield release, OVERLAY

    def before(self, release: str) -> str:
        """Return the release before one of the route."""
        at = self.route.index(release)
        return self.route[at - 1] if at else self.version

    def commit(self, patch: str) -> str:
        """Return the commit that stands for a patch now."""
        found = [cell.commit for cell in self.cells if cell.patch == patch and cell.commit]
        return found[-1] if found else dict(self.patches)[patch]

    def head(self, release: str) -> str | None:
        """Return the last commit of the series on a release, None where there is none yet."""
        found = [cell.commit for cell in self.settled if cell.release == release and cell.commit]
        return found[-1] if found else None

    @property
    def result(self) -> list[tuple[str, str]]:
        """Name and commit of each patch that is left at the last release."""
        return [
            (cell.patch, cell.commit)
            for cell in self.cells
            if cell.release == self.route[-1] and cell.commit
        ]

    @property
    def questions(self) -> list[Cell]:
        """The cells whose findings nobody has accepted."""
        return [cell for cell in self.cells if cell.findings and cell.patch not in self.accepted]
