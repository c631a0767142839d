"""`stack.toml`: upstream releases that work together, and what is done to each of them."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from specroll.errors import PatchError, RequestError
from specroll.stack import overlay, treepath
from specroll.stack.distribution import Distribution
from specroll.stack.sets import BASE, Rule, normalised
from specroll.stack.table import Table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE_NAME = "stack.toml"
# What is known of the proofs that its patches name.
PROOFS_NAME = "proofs.json"
# A local part after + says what a version was built for; it does not count.
VARIANT = re.compile(r"([A-Za-z0-9][\w.-]*)(?:==([\w.!-]+))?")


@dataclass(frozen=True)
class Artefact:
    """A file on the package index, pinned by its content.

    >>> Artefact("alpha-1.0-py3-none-any.whl", "0" * 64).name
    'alpha-1.0-py3-none-any.whl'
    """

    name: str
    sha256: str

    @classmethod
    def parse(cls, table: Table, name_key: str) -> Artefact:
        """Read the name and the hash from a table."""
        name, digest = table.text(name_key), table.text("sha256")
        if "/" in name:
            raise table.error(name_key, "must be a plain file name")
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise table.error("sha256", "must be 64 hexadecimal digits in lower case")
        return cls(name, digest)


@dataclass(frozen=True)
class Variant:
    """A distribution in a version that installs the package; siblings may have other versions.

    >>> Variant("alpha-cpu", "1.0.post1", Artefact("a.whl", "0" * 64)).is_installed_as("Alpha_CPU")
    True
    """

    distribution: str
    version: str
    artefact: Artefact

    @classmethod
    def parse(cls, key: str, table: Table, version: str) -> Variant:
        """Read a variant.

        Args:
            key: A distribution, or `distribution==version` where it is a further version.
            table: What the registry says of it.
            version: The package's version, used where the variant names none.

        Raises:
            PatchError: the key is neither, names another version than the table, or an entry is
                missing, unknown or of the wrong type.
        """
        table.only("artefact", "sha256", "version")
        match = VARIANT.fullmatch(key)
        if not match:
            raise table.error("artefact", "is of neither a distribution nor distribution==version")
        own = table.optional_text("version")
        if match[2] and own not in (None, match[2]):
            raise table.error("version", f"is {own}, the table's name says {match[2]}")
        return cls(match[1], match[2] or own or version, Artefact.parse(table, "artefact"))

    def is_installed_as(self, distribution: str | None, version: str | None = None) -> bool:
        """Say whether it can be what is installed; None stands for what is not known of that."""
        is_named = distribution is None or normalised(distribution) == normalised(self.distribution)
        return is_named and (version is None or version.partition("+")[0] == self.version)


@dataclass(frozen=True)
class Part:
    """Patches and overlay files that are applied together: a package's base, a set, or several.

    Patches are named relative to the folder that holds those of the package; those of a set lie in
    a folder of its name: `cpu/0001-bugfix-something.patch`.

    >>> Part(("cpu/0001-bugfix-slow.patch",), ()).is_empty
    False
    """

    series: tuple[str, ...]
    overlay: tuple[str, ...]

    @classmethod
    def parse(cls, name: str, table: Table, added: Sequence[str]) -> Part:
        """Read a part; `added` are the paths of all overlay files that there are.

        Raises:
            PatchError: a list is malformed, a path is unsafe, or a pattern matches nothing.
        """
        texts = table.texts if name == BASE else table.optional_texts
        names = texts("series")
        for patch in names:
            if treepath.problem(patch) or "/" in patch:
                raise table.error("series", f"names {patch!r}, which is not a plain file name")
        folder = "" if name == BASE else f"{name}/"
        return cls(
            tuple(f"{folder}{patch}" for patch in names), _overlay(table, texts("overlay"), added)
        )

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.series and not self.overlay


def _overlay(table: Table, patterns: Sequence[str], added: Sequence[str]) -> tuple[str, ...]:
    """Return the files that the patterns match; plain paths need not exist."""
    found: list[str] = []
    for pattern in patterns:
        if reason := treepath.problem(pattern):
            raise table.error("overlay", f"names {pattern!r}, which {reason}")
        matching = overlay.matching(pattern, added) if overlay.is_pattern(pattern) else [pattern]
        if not matching:
            raise table.error("overlay", f"names {pattern!r}, which matches no overlay file")
        found += matching
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Package:
    """An import folder of site-packages: its pinned version, and what is done to it by part.

    >>> parts = {"base": Part(("0001-bugfix-x.patch",), ()), "cpu": Part((), ("alpha/slow.py",))}
    >>> Package("alpha", "1.0", parts, {}).whole
    Part(series=('0001-bugfix-x.patch',), overlay=('alpha/slow.py',))
    """

    name: str
    version: str
    parts: Mapping[str, Part]
    variants: Mapping[str, Variant]

    @classmethod
    def parse(cls, name: str, table: Table, sets: Collection[str], added: Sequence[str]) -> Package:
        """Read a package of a stack with these sets, in a distribution with these overlay files.

        Raises:
            PatchError: a key is missing, unknown or of the wrong type, or a part is malformed.
        """
        table.only("version", "series", "overlay", "sets", "variants")
        version = table.text("version")
        own = table.optional_tables("sets")
        for key, value in own.items():
            value.only("series", "overlay")
            if key not in sets:
                raise table.error("sets", f"names {key!r}, which the stack's `sets` lacks")
        parts = {BASE: table, **{key: own[key] for key in sets if key in own}}
        return cls(
            name,
            version,
            {key: Part.parse(key, value, added) for key, value in parts.items()},
            _variants(table, version),
        )

    @property
    def distributions(self) -> tuple[str, ...]:
        """The distributions that install the package, whatever their versions."""
        names = {
            normalised(each.distribution): each.distribution for each in self.variants.values()
        }
        return tuple(names.values())

    def variants_of(
        self, distribution: str | None, version: str | None = None
    ) -> Mapping[str, Variant]:
        """Return the variants that what is installed can be, by their names in the registry.

        Args:
            distribution: What is installed, None where that is not known.
            version: Its version, None where that is not known.

        >>> pin = Artefact("alpha-1.0.tar.gz", "0" * 64)
        >>> versions = {"alpha": "1.0", "alpha==1.0.post1": "1.0.post1"}
        >>> variants = {key: Variant("alpha", value, pin) for key, value in versions.items()}
        >>> list(Package("alpha", "1.0", {}, variants).variants_of("alpha", "1.0.post1+cpu"))
        ['alpha==1.0.post1']
        """
        return {
            key: variant
            for key, variant in self.variants.items()
            if variant.is_installed_as(distribution, version)
        }

    @property
    def base(self) -> Part:
        """What every environment gets."""
        return self.parts[BASE]

    @property
    def whole(self) -> Part:
        """The base and all sets."""
        series = (patch for part in self.parts.values() for patch in part.series)
        added = (path for part in self.parts.values() for path in part.overlay)
        return Part(tuple(series), tuple(added))

    @property
    def is_empty(self) -> bool:
        """Whether the stack does nothing to this package, whatever sets are chosen."""
        return self.whole.is_empty


def _variants(table: Table, version: str) -> dict[str, Variant]:
    """Read the variants of a package; no two are the same version of a distribution."""
    found: dict[str, Variant] = {}
    for key, value in table.tables("variants").items():
        variant = Variant.parse(key, value, version)
        for other, known in found.items():
            if known.is_installed_as(variant.distribution, variant.version):
                raise value.error("version", f"is {variant.version}, which `{other}` has already")
        found[key] = variant
    if not found:
        raise table.error("variants", "must name at least one distribution")
    return found


@dataclass(frozen=True)
class Stack:
    """One folder of `patches/`."""

    name: str
    folder: Path
    sets: Mapping[str, Rule]
    packages: Mapping[str, Package]
    environments: Mapping[str, Mapping[str, object]]
    is_default: bool
    # What a distribution's own tests read; the tool does not look inside.
    ci: Mapping[str, object]

    @classmethod
    def load(cls, distribution: Distribution, name: str) -> Stack:
        """Read the `stack.toml` of a stack.

        Raises:
            RequestError: there is no such stack.
            PatchError: the file is malformed.
        """
        folder = distribution.stack_folder(name)
        return cls.parse(distribution, name, (folder / FILE_NAME).read_bytes())

    @classmethod
    def parse(cls, distribution: Distribution, name: str, data: bytes) -> Stack:
        """Read the bytes of the `stack.toml` of a stack.

        Raises:
            PatchError: the file is malformed.
        """
        folder = distribution.patches / name
        path = folder / FILE_NAME
        try:
            table = Table.of(path, tomllib.loads(data.decode()))
        except (ValueError, RecursionError) as error:
            raise PatchError(f"{path} is not valid TOML ({error}); correct the file") from error
        table.only("default", "sets", "packages", "environments", "ci")
        files = overlay.files(distribution.overlay)
        added = [file.relative_to(distribution.overlay).as_posix() for file in files]
        rules = table.optional_tables("sets")
        packages = table.tables("packages")
        environments = table.optional_tables("environments")
        stack = cls(
            name,
            folder,
            {key: Rule.parse(key, value) for key, value in rules.items()},
            {key: Package.parse(key, value, rules, added) for key, value in packages.items()},
            {key: value.values for key, value in environments.items()},
            table.flag("default"),
            table.table("ci").values if "ci" in table.values else {},
        )
        stack._validate(table)
        return stack

    def package(self, name: str) -> Package:
        """Return a package.

        Raises:
            RequestError: the stack has no such package.
        """
        if name not in self.packages:
            known = ", ".join(self.packages)
            raise RequestError(f"No package {name!r} in {self.folder}; name one of: {known}.")
        return self.packages[name]

    def _validate(self, table: Table) -> None:
        owners: dict[str, str] = {}
        for package in self.packages.values():
            for path in package.whole.overlay:
                if path in owners:
                    raise table.error("packages", f"gives {path} two owners")
                owners[path] = package.name


def default_stack(distribution: Distribution) -> str:
    """Return the stack that `stack.toml` marks as the default.

    Raises:
        RequestError: no stack is marked, or several are.
        PatchError: a stack is malformed.
    """
    marked = [name for name in distribution.stacks() if Stack.load(distribution, name).is_default]
    if len(marked) != 1:
        which = ", ".join(marked) or "none"
        raise RequestError(
            f"One {FILE_NAME} in {distribution.patches} must say `default = true` ({which} says"
            " so); name a stack with --stack."
        )
    return marked[0]
