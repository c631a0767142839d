"""`stack.lock.json`: the content of every touched file before and after, as it was reviewed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from specroll.errors import PatchError
from specroll.stack.registry import Artefact, Package, Stack
from specroll.stack.table import Table

FILE_NAME = "stack.lock.json"


@dataclass(frozen=True)
class FileLock:
    """Hashes of a touched file; None where the file does not exist."""

    before: str | None
    after: str | None

    @classmethod
    def parse(cls, table: Table) -> FileLock:
        """Read the two hashes."""
        table.only("before", "after")
        return cls(table.optional_text("before"), table.optional_text("after"))


@dataclass(frozen=True)
class SeriesEntry:
    """A patch of the series and the hash of its bytes."""

    patch: str
    sha256: str


@dataclass(frozen=True)
class VariantLock:
    """What the series does to the files of one distribution."""

    artefact: Artefact
    files: Mapping[str, FileLock]

    @classmethod
    def parse(cls, table: Table) -> VariantLock:
        """Read a variant."""
        table.only("artefact", "files")
        files = {path: FileLock.parse(value) for path, value in table.tables("files").items()}
        return cls(Artefact.parse(table.table("artefact"), "name"), files)


@dataclass(frozen=True)
class PackageLock:
    """Everything that is ever written into one package."""

    version: str
    series: tuple[SeriesEntry, ...]
    variants: Mapping[str, VariantLock]
    overlay: Mapping[str, str]

    @classmethod
    def parse(cls, table: Table) -> PackageLock:
        """Read a package."""
        table.only("version", "series", "variants", "overlay")
        rows = table.rows("series")
        variants = table.tables("variants")
        overlay = table.table("overlay")
        return cls(
            table.text("version"),
            tuple(SeriesEntry(row.text("patch"), row.text("sha256")) for row in rows),
            {name: VariantLock.parse(value) for name, value in variants.items()},
            {path: overlay.text(path) for path in overlay.values},
        )

    def digest(self, variant: str) -> str:
        """Return one hash over all that is written into one variant."""
        content = {
            "series": [asdict(entry) for entry in self.series],
            "files": {path: asdict(file) for path, file in self.variants[variant].files.items()},
            "overlay": dict(self.overlay),
        }
        return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Lock:
    """The lock of a stack."""

    packages: Mapping[str, PackageLock]

    @classmethod
    def load(cls, stack: Stack) -> Lock:
        """Read the lock and compare it with the stack it was made from.

        Raises:
            PatchError: the lock is missing, malformed or stale.
        """
        lock = cls.parse(stack.folder / FILE_NAME)
        for name, package in stack.packages.items():
            entry = lock.packages.get(name)
            if entry is None or _pins(entry) != _pins_of_package(package):
                raise PatchError(
                    f"{stack.folder / FILE_NAME} is older than `packages.{name}` in stack.toml;"
                    f" run `apply-patches refresh {name} --stack {stack.name}`"
                )
        return lock

    @classmethod
    def parse(cls, path: Path) -> Lock:
        """Read a lock.

        Raises:
            PatchError: the lock is missing or malformed.
        """
        try:
            table = Table.of(path, json.loads(path.read_bytes()))
        except FileNotFoundError as error:
            raise PatchError(f"{path} is missing; run `apply-patches refresh`") from error
        except (ValueError, RecursionError) as error:
            raise PatchError(f"{path} is not valid JSON ({error}); restore the file") from error
        table.only("packages")
        packages = table.tables("packages")
        return cls({name: PackageLock.parse(value) for name, value in packages.items()})

    def dump(self) -> bytes:
        """Return the bytes of the lock file."""
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()


def fingerprint(data: bytes | None) -> str | None:
    """Return the hash of a file's bytes, None for a file that does not exist."""
    return None if data is None else sha256(data).hexdigest()


Pins = tuple[str, tuple[str, ...], set[str], Mapping[str, Artefact]]


def _pins_of_package(package: Package) -> Pins:
    artefacts = {name: variant.artefact for name, variant in package.variants.items()}
    return package.version, package.series, set(package.overlay), artefacts


def _pins(entry: PackageLock) -> Pins:
    series = tuple(item.patch for item in entry.series)
    artefacts = {name: variant.artefact for name, variant in entry.variants.items()}
    return entry.version, series, set(entry.overlay), artefacts
