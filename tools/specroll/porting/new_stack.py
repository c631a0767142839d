"""The `stack.toml` of a stack to which packages have been carried, written from the old one's."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import tomlkit

from specroll.authoring.series_list import written
from specroll.stack.registry import Artefact, Package, Stack
from specroll.stack.sets import BASE, normalised

# What tomlkit gives for a table: its tables keep their comments.
Tables = MutableMapping[str, Any]

HEADER = re.compile(r"\[([^\[\]]+)\]")
COMMENT = re.compile(r"^#.*$", re.MULTILINE)
DEFAULT = re.compile(r"(^\n)?^default *= *true\n", re.MULTILINE)
REQUIRED_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Move:
    """A package's new release.

    Attributes:
        package: The package as the old stack has it.
        version: The release's version.
        artefacts: What each distribution is pinned to; one that is not named has no such release.
        series: The patches that are left, by part.

    >>> Move(Package("alpha", "1.0", {}, {}), "1.1", {}, {}).package.name
    'alpha'
    """

    package: Package
    version: str
    artefacts: Mapping[str, Artefact]
    series: Mapping[str, Sequence[str]]


def described(
    old: bytes, new: bytes | None, stack: Stack, name: str, moves: Collection[Move]
) -> bytes:
    """Return the `stack.toml` of the new stack.

    It holds the packages that moved, with their comments, and the environments that need no other
    package. It is not the default: a person decides that.

    Args:
        old: The bytes of the old stack's `stack.toml`.
        new: Those of the new one, where it exists and gets more packages.
        stack: The old stack.
        name: The name of the new one.
        moves: The packages that moved.
    """
    moved = {move.package.name for move in moves}
    left = [package for package in stack.packages.values() if package.name not in moved]
    if new is None:
        text = _renamed(_without(old.decode(), stack, left), stack.name, name)
    else:
        text = _with_tables(new.decode(), old.decode(), sorted(moved))
    document = tomlkit.parse(text)
    for move in moves:
        _move(document["packages"][move.package.name], move)
        _pin(document, move)
    return tomlkit.dumps(document).encode()


def _renamed(text: str, old: str, new: str) -> str:
    """Return a text whose comments speak of another stack."""
    return COMMENT.sub(lambda comment: comment[0].replace(old, new), text)


def _without(text: str, stack: Stack, packages: Collection[Package]) -> str:
    """Return a `stack.toml` without packages and what needs them, and not as the default."""
    gone = {normalised(name) for package in packages for name in package.distributions}
    environments = {
        name
        for name, values in stack.environments.items()
        if gone & {_required(item) for item in _requirements(values)}
    }
    head, *tables = _tables(text)
    kept = [
        table.text
        for table in tables
        if not any(table.is_of("packages", package.name) for package in packages)
        and not any(table.is_of("environments", name) for name in environments)
    ]
    return "".join([DEFAULT.sub("", head.text), *kept])


def _with_tables(new: str, old: str, packages: Collection[str]) -> str:
    """Return a `stack.toml` with the tables of packages of another one in front of the rest."""
    head, *tables = _tables(new)
    known = [table for table in tables if table.is_of("packages")]
    others = [table for table in tables if not table.is_of("packages")]
    kept = [table for table in known if not any(table.is_of("packages", name) for name in packages)]
    added = [
        table
        for table in _tables(old)[1:]
        if any(table.is_of("packages", name) for name in packages)
    ]
    sets = [table for table in others if table.is_of("sets")]
    rest = [table for table in others if not table.is_of("sets")]
    return "".join(table.text for table in [head, *sets, *kept, *added, *rest])


@dataclass(frozen=True)
class _Table:
    """A table as it stands, with the comments above it."""

    header: str
    text: str

    def is_of(self, *names: str) -> bool:
        """Say whether it is the table of this name, or one inside of it."""
        return self.header == ".".join(names) or self.header.startswith(".".join(names) + ".")


def _tables(text: str) -> list[_Table]:
    """Split a file at its tables; the first part is what precedes them all."""
    found = [_Table("", "")]
    above = ""
    for line in text.splitlines(keepends=True):
        if match := HEADER.match(line):
            found.append(_Table(match[1], above + line))
        elif not line.strip() or line.startswith("#"):
            above += line
            continue
        else:
            found[-1] = replace(found[-1], text=found[-1].text + above + line)
        above = ""
    found[-1] = replace(found[-1], text=found[-1].text + above)
    return found


def _requirements(environment: Mapping[str, object]) -> Sequence[str]:
    found = environment.get("requirements", ())
    return found if isinstance(found, list) else ()


def with_further_versions(old: bytes, moves: Collection[Move]) -> bytes:
    """Return a `stack.toml` that accepts these releases beside those that it pins."""
    document = tomlkit.parse(old.decode())
    for move in moves:
        variants = document["packages"][move.package.name]["variants"]
        for name, artefact in move.artefacts.items():
            variants[f"{name}=={move.version}"] = {
                "artefact": artefact.name,
                "sha256": artefact.sha256,
            }
    return tomlkit.dumps(document).encode()


def _move(table: Tables, move: Move) -> None:
    """Give a package's table the new release."""
    table["version"] = move.version
    for part, names in move.series.items():
        place = table if part == BASE else table["sets"][part]
        place["series"] = tomlkit.value(written([PurePosixPath(name).name for name in names]))
    for name in list(table["variants"]):
        if name not in move.artefacts:
            del table["variants"][name]
            continue
        variant = table["variants"][name]
        variant.pop("version", None)
        variant["artefact"] = move.artefacts[name].name
        variant["sha256"] = move.artefacts[name].sha256


def _pin(document: Tables, move: Move) -> None:
    """Let the environments require the new release where they pinned the old one."""
    variants = move.package.variants.values()
    old = {f"{variant.distribution}=={variant.version}" for variant in variants}
    for environment in document.get("environments", {}).values():
        requirements = environment.get("requirements", ())
        for number, item in enumerate(requirements):
            if item in old:
                requirements[number] = f"{item.partition('==')[0]}=={move.version}"


def _required(requirement: str) -> str:
    """Return the normalised name of the distribution that a requirement names."""
    match = REQUIRED_NAME.match(requirement)
    return normalised(match[0]) if match else ""
