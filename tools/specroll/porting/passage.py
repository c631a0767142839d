"""The carriages of all packages that a rebase moves: begun, or taken up again."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from specroll.authoring.workspace import listing
from specroll.errors import NotPinnedError, RequestError
from specroll.porting import new_artefacts
from specroll.porting.carriage import Carriage
from specroll.porting.repository import Carrier
from specroll.porting.route import route
from specroll.porting.session import Session
from specroll.stack import archive, overlay
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.index import Index, Release
from specroll.stack.registry import Artefact, Package, Stack
from specroll.stack.series import Series

# Beside the stacks' folders: no stack has a name that begins so.
MEMORY = ".resolutions"


@dataclass(frozen=True)
class Passage:
    """What carries packages of a stack onto other releases.

    Attributes:
        distribution: Where the stacks and the overlay lie.
        source: The stack that the series come from.
        folder: Where the scratch repositories lie, one a package. Those beside it, of other
            rebases, share the resolutions of conflicts.
        index: Where the releases are listed.
        store: Where their files are kept.
        through: Whether the releases between are visited.
    """

    distribution: Distribution
    source: Stack
    folder: Path
    index: Index
    store: Store
    through: bool

    def carriage(self, name: str, version: str) -> Carriage:
        """Return what carries a package onto a release: as it was left, or begun.

        Raises:
            RequestError: the folder of its repository holds something else, or another rebase.
            NotPinnedError: the release cannot be had.
        """
        package = self.source.package(name)
        releases = _Releases(self.index, self.store, package)
        carrier = self.carrier(name)
        session = Session.load(carrier.git_folder) if carrier else None
        if carrier and not session:
            raise RequestError(
                f"{carrier.folder} was made by `edit`, not by `rebase`; move it away"
            )
        if not carrier or not session:
            aims = route(releases.listed, package.version, version, self.through)
            carrier, session = self._begun(package, releases, aims)
        self._require_same(carrier, session, version)
        return Carriage(carrier, session, releases.files, self._overlay())

    def carrier(self, name: str) -> Carrier | None:
        """Return the scratch repository of a package, None where there is none.

        Raises:
            RequestError: its folder holds something else.
        """
        return Carrier.open(self.folder / name, self._memory(name))

    def newest(self, package: Package) -> str | None:
        """Return the last final release of a package, None where it is not newer than the pin.

        Raises:
            NotPinnedError: the index cannot be read.
        """
        final = [
            release.version
            for release in _Releases(self.index, self.store, package).listed
            if not release.is_prerelease
        ]
        return str(final[-1]) if final and final[-1] > Version(package.version) else None

    def artefacts(self, package: Package, version: str) -> Mapping[str, Artefact]:
        """Return what each distribution of a package is pinned to, where it has the release.

        Raises:
            NotPinnedError: no distribution has it.
        """
        found = {}
        for variant in package.variants.values():
            if variant.distribution in found:
                continue  # it is the further version of one that is there
            release = _release(self.index, variant.distribution, version)
            if release and (pinned := new_artefacts.artefact(variant, release)):
                found[variant.distribution] = pinned
        if not found:
            raise NotPinnedError(f"The index has no file of {package.name} {version} to pin.")
        return found

    def _begun(
        self, package: Package, releases: _Releases, aims: tuple[str, ...]
    ) -> tuple[Carrier, Session]:
        names = package.whole.series
        series = Series.load(self.source, package.name, names)
        # Under its name only once the session is there: a crash leaves nothing to be taken for it.
        draft = self.folder / f".{package.name}.part"
        shutil.rmtree(draft, ignore_errors=True)
        files = releases.files(package.version)
        carrier = Carrier.create(draft, self._memory(package.name), files, series.patches)
        commits = tuple(zip(names, carrier.old_commits(), strict=True))
        session = Session(package.name, self.source.name, package.version, aims, commits)
        session.save(carrier.git_folder)
        return carrier.moved(self.folder / package.name), session

    def _memory(self, name: str) -> Path:
        return self.folder.parent / MEMORY / name

    def _require_same(self, carrier: Carrier, session: Session, version: str) -> None:
        aim = Version(session.route[-1])
        if (session.source, aim) != (self.source.name, Version(version)):
            raise RequestError(
                f"{carrier.folder} carries stack {session.source} onto {session.route[-1]};"
                " finish that, or move the folder away"
            )
        series = Series.load(self.source, session.package, dict(session.patches))
        hashes = ((entry.patch, entry.sha256) for entry in series.entries)
        if carrier.workspace.origin.read_bytes() != listing(hashes):
            raise RequestError(
                f"{carrier.folder} carries another series than the one in {self.source.folder};"
                " move the folder away and begin anew"
            )

    def _overlay(self) -> Mapping[str, bytes]:
        packages = self.source.packages.values()
        paths = [path for package in packages for path in package.whole.overlay]
        return overlay.load(self.distribution.overlay, paths)


@dataclass(frozen=True)
class _Releases:
    """The releases of a package: those of the first distribution that installs it."""

    index: Index
    store: Store
    package: Package

    @property
    def listed(self) -> list[Release]:
        return self.index.releases(self._distribution)

    @property
    def _distribution(self) -> str:
        return next(iter(self.package.variants.values())).distribution

    def files(self, version: str) -> Iterable[tuple[str, bytes]]:
        """Return path and bytes of every text file of a release, from its source archive."""
        release = _release(self.index, self._distribution, version)
        if release is None or release.source_archive is None:
            raise NotPinnedError(
                f"{self._distribution} {version} has no source archive on the index; rebase onto"
                " a release that has one"
            )
        path = self.store.fetch_file(release.source_archive, self.index)
        return archive.text_files(path, self.package.name)


def _release(index: Index, distribution: str, version: str) -> Release | None:
    """Return a release of a distribution, None where the index does not have it."""
    wanted = Version(version)
    return next((each for each in index.releases(distribution) if each.version == wanted), None)
