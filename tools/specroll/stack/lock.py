"""`stack.lock.json`: the content of every touched file before and after, as it was reviewed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from specroll.errors import PatchError
from specroll.stack.registry import Artefact, Package, Stack
from specroll.stack.sets import BASE
from specroll.stack.table import Table

FILE_NAME = "stack.lock.json"
# Differences that a message names.
LISTED = 5
# It is generated: nobody corrects it by hand.
REMEDY = "run `apply-patches refresh`"


@dataclass(frozen=True)
class FileLock:
    """Hashes of a touched file; None where the file does not exist.

    >>> FileLock(before=None, after=fingerprint(b"new")).before is None
    True
    """

    before: str | None
    after: str | None

    @classmethod
    def parse(cls, table: Table) -> FileLock:
        """Read the two hashes."""
        table.only("before", "after")
        return cls(table.optional_text("before"), table.optional_text("after"))


@dataclass(frozen=True)
class SeriesEntry:
    """A patch of the series and the hash of its bytes.

    >>> SeriesEntry("cpu/0001-bugfix-slow.patch", "0" * 64).patch
    'cpu/0001-bugfix-slow.patch'
    """

    patch: str
    sha256: str

    @classmethod
    def parse(cls, table: Table) -> SeriesEntry:
        """Read an entry."""
        table.only("patch", "sha256")
        return cls(table.text("patch"), table.text("sha256"))


@dataclass(frozen=True)
class PartLock:
    """A part of a package, by the hashes of its patches and overlay files."""

    series: tuple[SeriesEntry, ...]
    overlay: Mapping[str, str]

    @classmethod
    def parse(cls, table: Table) -> PartLock:
        """Read a part."""
        table.only("series", "overlay")
        overlay = table.table("overlay")
        return cls(
            tuple(SeriesEntry.parse(row) for row in table.rows("series")),
            {path: overlay.text(path) for path in overlay.values},
        )


@dataclass(frozen=True)
class VariantLock:
    """What each part does to the files of one distribution.

    A set names the files that it makes another thing of than the base does.
    """

    artefact: Artefact
    files: Mapping[str, Mapping[str, FileLock]]

    @classmethod
    def parse(cls, table: Table) -> VariantLock:
        """Read a variant."""
        table.only("artefact", "files")
        parts = {
            part: {path: FileLock.parse(files.table(path)) for path in files.values}
            for part, files in table.tables("files").items()
        }
        return cls(Artefact.parse(table.table("artefact"), "name"), parts)


@dataclass(frozen=True)
class Content:
    """All that is written into one variant of a package for the sets that were chosen.

    >>> Content((), (SeriesEntry("0001-bugfix-x.patch", "0" * 64),), {}, {}).patches
    ('0001-bugfix-x.patch',)
    """

    sets: tuple[str, ...]
    series: tuple[SeriesEntry, ...]
    files: Mapping[str, FileLock]
    overlay: Mapping[str, str]

    @property
    def patches(self) -> tuple[str, ...]:
        """The patches, relative to the folder that holds those of the package."""
        return tuple(entry.patch for entry in self.series)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written."""
        return not self.series and not self.overlay

    @property
    def digest(self) -> str:
        """One hash over all of it."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class PackageLock:
    """Everything that is ever written into one package.

    >>> parts = {"base": PartLock((), {"a.py": "0" * 64}), "cpu": PartLock((), {"b.py": "1" * 64})}
    >>> variant = VariantLock(Artefact("p-1-py3-none-any.whl", "2" * 64), {"base": {}, "cpu": {}})
    >>> lock = PackageLock("1", parts, {"p": variant})
    >>> [sorted(lock.content("p", sets).overlay) for sets in ([], ["cpu"])]
    [['a.py'], ['a.py', 'b.py']]
    """

    version: str
    parts: Mapping[str, PartLock]
    variants: Mapping[str, VariantLock]

    @classmethod
    def parse(cls, table: Table) -> PackageLock:
        """Read a package."""
        table.only("version", "parts", "variants")
        parts = {name: PartLock.parse(value) for name, value in table.tables("parts").items()}
        variants = {}
        for name, value in table.tables("variants").items():
            variants[name] = VariantLock.parse(value)
            if variants[name].files.keys() != parts.keys():
                raise value.error("files", f"must have the parts {', '.join(parts)}")
        return cls(table.text("version"), parts, variants)

    def content(self, variant: str, sets: Sequence[str]) -> Content:
        """Return what is written into a variant: the base, and those of the sets that it has."""
        chosen = tuple(name for name in sets if name in self.parts)
        series: list[SeriesEntry] = []
        files: dict[str, FileLock] = {}
        overlay: dict[str, str] = {}
        for name in (BASE, *chosen):
            series += self.parts[name].series
            files |= self.variants[variant].files[name]
            overlay |= self.parts[name].overlay
        return Content(chosen, tuple(series), files, overlay)


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
            locked = _pins(entry) if entry else set()
            if changed := sorted(locked ^ _pins_of_package(package)):
                raise PatchError(
                    f"{stack.folder / FILE_NAME} is older than `packages.{name}` in stack.toml:"
                    f" they differ in {_listing(changed)};"
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
            table = Table.of(path, json.loads(path.read_bytes()), remedy=REMEDY)
        except FileNotFoundError as error:
            raise PatchError(f"{path} is missing; {REMEDY}") from error
        except (ValueError, RecursionError) as error:
            raise PatchError(f"{path} is not valid JSON ({error}); {REMEDY}") from error
        table.only("packages")
        packages = table.tables("packages")
        return cls({name: PackageLock.parse(value) for name, value in packages.items()})

    def dump(self) -> bytes:
        """Return the bytes of the lock file."""
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()


def fingerprint(data: bytes | None) -> str | None:
    """Return the hash of a file's bytes, None for a file that does not exist."""
    return None if data is None else sha256(data).hexdigest()


def _pins_of_package(package: Package) -> set[str]:
    parts = {name: (part.series, part.overlay) for name, part in package.parts.items()}
    artefacts = {name: variant.artefact for name, variant in package.variants.items()}
    return _described(package.version, parts, artefacts)


def _pins(entry: PackageLock) -> set[str]:
    parts = {
        name: ([item.patch for item in part.series], part.overlay)
        for name, part in entry.parts.items()
    }
    artefacts = {name: variant.artefact for name, variant in entry.variants.items()}
    return _described(entry.version, parts, artefacts)


def _described(
    version: str,
    parts: Mapping[str, tuple[Iterable[str], Iterable[str]]],
    artefacts: Mapping[str, Artefact],
) -> set[str]:
    """Return in words all that a lock is made from."""
    words = {f"version {version}", *(f"part {name}" for name in parts)}
    for name, (series, overlay) in parts.items():
        words |= {f"patch {number} of {name}: {patch}" for number, patch in enumerate(series, 1)}
        words |= {f"overlay file of {name}: {path}" for path in overlay}
    for name, artefact in artefacts.items():
        words.add(f"artefact of {name}: {artefact.name} ({artefact.sha256})")
    return words


def _listing(words: Sequence[str]) -> str:
    """Return the first words, and how many more there are."""
    more = [f"{len(words) - LISTED} more"] if len(words) > LISTED else []
    return ", ".join([*words[:LISTED], *more])
