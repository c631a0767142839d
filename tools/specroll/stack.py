"""`stack.toml`: upstream releases that work together, and what is done to each of them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from specroll import treepath
from specroll.distribution import Distribution
from specroll.errors import PatchError, RequestError
from specroll.table import Table

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
    def parse(cls, name: str, table: Table) -> Package:
        """Read a package.

        Raises:
            PatchError: a key is missing, unknown or of the wrong type, or a path is unsafe.
        """
        table.only("version", "series", "overlay", "variants")
        version = table.text("version")
        variants = table.tables("variants")
        package = cls(
            name,
            version,
            table.texts("series"),
            table.texts("overlay"),
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
        for path in self.overlay:
            if reason := treepath.problem(path):
                raise table.error("overlay", f"names {path!r}, which {reason}")


@dataclass(frozen=True)
class Stack:
    """One folder of `patches/`."""

    name: str
    folder: Path
    packages: Mapping[str, Package]
    environments: Mapping[str, Mapping[str, object]]

    @classmethod
    def load(cls, distribution: Distribution, name: str) -> Stack:
        """Read the `stack.toml` of a stack.

        Raises:
            RequestError: there is no such stack.
            PatchError: the file is malformed.
        """
        folder = distribution.stack_folder(name)
        return cls.parse(folder, (folder / FILE_NAME).read_bytes())

    @classmethod
    def parse(cls, folder: Path, data: bytes) -> Stack:
        """Read the bytes of a `stack.toml` that lies in the folder.

        Raises:
            PatchError: the file is malformed.
        """
        path = folder / FILE_NAME
        try:
            table = Table.of(path, tomllib.loads(data.decode()))
        except (ValueError, RecursionError) as error:
            raise PatchError(f"{path} is not valid TOML ({error}); correct the file") from error
        table.only("packages", "environments")
        packages = table.tables("packages")
        environments = table.tables("environments") if "environments" in table.values else {}
        stack = cls(
            folder.name,
            folder,
            {key: Package.parse(key, value) for key, value in packages.items()},
            {key: value.values for key, value in environments.items()},
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


def replace_series(folder: Path, data: bytes, name: str, series: Sequence[str]) -> bytes:
    """Return the bytes of a `stack.toml` with another series for a package, else unchanged.

    Raises:
        PatchError: the series of the package is not written as one plain list.
    """
    old = Stack.parse(folder, data)
    package = replace(old.package(name), series=tuple(series))
    wanted = replace(old, packages={**old.packages, name: package})
    head = rf'^\[packages\."?{re.escape(name)}"?\](?:\n(?!\[).*)*?\nseries *= *'
    place = re.compile(head + r"(\[[^]]*\])", re.MULTILINE)
    if match := place.search(text := data.decode()):
        changed = (text[: match.start(1)] + _toml_list(series) + text[match.end(1) :]).encode()
        with suppress(PatchError):
            if Stack.parse(folder, changed) == wanted:
                return changed
    raise PatchError(f"{folder / FILE_NAME} has no plain list `series` in {name}; write one there")


def _toml_list(items: Sequence[str]) -> str:
    quoted = [json.dumps(item) for item in items]
    line = f"[{', '.join(quoted)}]"
    if len(line) <= WIDTH:
        return line
    return "[\n" + "".join(f"    {item},\n" for item in quoted) + "]"
