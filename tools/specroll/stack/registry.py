"""`stack.toml`: upstream releases that work together, and what is done to each of them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from specroll.errors import PatchError, RequestError
from specroll.stack import overlay, treepath
from specroll.stack.distribution import Distribution
from specroll.stack.table import Table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE_NAME = "stack.toml"
WIDTH = 80


@dataclass(frozen=True)
class Artefact:
    """A file on the package index, pinned by its content."""

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
    """A distribution that installs the package; its version may differ from its siblings'."""

    distribution: str
    version: str
    artefact: Artefact

    @classmethod
    def parse(cls, distribution: str, table: Table, version: str) -> Variant:
        """Read a variant; `version` is the package's, used where the variant names none."""
        table.only("artefact", "sha256", "version")
        own = table.optional_text("version")
        return cls(distribution, own or version, Artefact.parse(table, "artefact"))


@dataclass(frozen=True)
class Package:
    """An import folder of site-packages: its pinned version, its series and its overlay."""

    name: str
    version: str
    series: tuple[str, ...]
    overlay: tuple[str, ...]
    variants: Mapping[str, Variant]

    @classmethod
    def parse(cls, name: str, table: Table, added: Sequence[str]) -> Package:
        """Read a package; `added` are the paths of all overlay files that there are.

        Raises:
            PatchError: a key is missing, unknown or of the wrong type, a path is unsafe, or a
                pattern matches nothing.
        """
        table.only("version", "series", "overlay", "variants")
        version = table.text("version")
        variants = table.tables("variants")
        package = cls(
            name,
            version,
            table.texts("series"),
            _overlay(table, added),
            {key: Variant.parse(key, value, version) for key, value in variants.items()},
        )
        package._validate(table)
        return package

    @property
    def is_empty(self) -> bool:
        """Whether the stack does nothing to this package."""
        return not self.series and not self.overlay

    def _validate(self, table: Table) -> None:
        if not self.variants:
            raise table.error("variants", "must name at least one distribution")
        for name in self.series:
            if treepath.problem(name) or "/" in name:
                raise table.error("series", f"names {name!r}, which is not a plain file name")


def _overlay(table: Table, added: Sequence[str]) -> tuple[str, ...]:
    """Return the files that the patterns of `overlay` match; plain paths need not exist."""
    found: list[str] = []
    for pattern in table.texts("overlay"):
        if reason := treepath.problem(pattern):
            raise table.error("overlay", f"names {pattern!r}, which {reason}")
        matching = overlay.matching(pattern, added) if overlay.is_pattern(pattern) else [pattern]
        if not matching:
            raise table.error("overlay", f"names {pattern!r}, which matches no overlay file")
        found += matching
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Stack:
    """One folder of `patches/`."""

    name: str
    folder: Path
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
        table.only("default", "packages", "environments", "ci")
        files = overlay.files(distribution.overlay)
        added = [file.relative_to(distribution.overlay).as_posix() for file in files]
        packages = table.tables("packages")
        environments = table.optional_tables("environments")
        stack = cls(
            name,
            folder,
            {key: Package.parse(key, value, added) for key, value in packages.items()},
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
            for path in package.overlay:
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


def replace_series(
    distribution: Distribution, stack: str, data: bytes, name: str, series: Sequence[str]
) -> bytes:
    """Return the bytes of a `stack.toml` with another series for a package, else unchanged.

    Raises:
        PatchError: the series of the package is not written as one plain list.
    """
    old = Stack.parse(distribution, stack, data)
    package = replace(old.package(name), series=tuple(series))
    wanted = replace(old, packages={**old.packages, name: package})
    head = rf'^\[packages\."?{re.escape(name)}"?\](?:\n(?!\[).*)*?\nseries *= *'
    place = re.compile(head + r"(\[[^]]*\])", re.MULTILINE)
    if match := place.search(text := data.decode()):
        changed = (text[: match.start(1)] + _toml_list(series) + text[match.end(1) :]).encode()
        with suppress(PatchError):
            if Stack.parse(distribution, stack, changed) == wanted:
                return changed
    raise PatchError(
        f"{old.folder / FILE_NAME} has no plain list `series` in {name}; write one there"
    )


def _toml_list(items: Sequence[str]) -> str:
    quoted = [json.dumps(item) for item in items]
    line = f"[{', '.join(quoted)}]"
    if len(line) <= WIDTH:
        return line
    return "[\n" + "".join(f"    {item},\n" for item in quoted) + "]"
