"""The registry of stacks, `patches/<stack>/stack.toml`, as tests, benchmarks and `ci` read it.

A test says what it needs of the installed stack, and names no release:

    @needs("drafts verified on a CPU")
    def test_greedy_tokens_are_those_of_plain_decoding(start_engine): ...

A module that can only be imported with some stacks asks before its other imports:

    require("synchronous rollouts")

Where two stacks differ in a value, the test asks:

    target = batch.probs if provides("rejection sampler of probabilities") else batch.logits

A capability is a phrase in the list `provides` of a stack's `[ci]`. A new stack lists those that it
has, and the tests follow. A phrase that no stack lists is a slip, and an error.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

if sys.version_info < (3, 11):
    sys.exit(f"{sys.executable} is older than Python 3.11; start again with a newer one.")

import tomllib

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Stack:
    """What the registry says of one stack.

    For example, of the stack that is installed:

        installed_stack().release("vllm")  # such as "1.2.0"
        installed_stack().environments["cpu"]["requirements"]
    """

    name: str
    folder: Path
    table: Mapping[str, Any]

    @property
    def is_default(self) -> bool:
        """Whether this is the stack that is meant where none is named."""
        return bool(self.table.get("default", False))

    @property
    def environments(self) -> Mapping[str, Mapping[str, Any]]:
        """The environments by name, as the registry spells them."""
        environments: Mapping[str, Mapping[str, Any]] = self.table.get("environments", {})
        return environments

    @property
    def ci(self) -> Mapping[str, Any]:
        """What this distribution's own CI asks of the stack."""
        table: Mapping[str, Any] = self.table.get("ci", {})
        return table

    @property
    def capabilities(self) -> frozenset[str]:
        """What tests can ask for with `provides`."""
        return frozenset(self.ci.get("provides", ()))

    def release(self, package: str) -> str:
        """Return upstream's release of a package, named as its import folder."""
        release: str = self.table["packages"][package]["version"]
        return release

    @property
    def distributions(self) -> dict[str, list[str]]:
        """The versions of each patched distribution that can install one of the packages."""
        return {
            name: versions
            for package in self.table["packages"]
            for name, versions in self.variants(package).items()
        }

    def variants(self, package: str) -> dict[str, list[str]]:
        """Return the versions of each distribution that can install a package."""
        table = self.table["packages"][package]
        found: dict[str, list[str]] = {}
        for key, variant in table["variants"].items():
            name, _, version = key.partition("==")
            found.setdefault(name, []).append(version or variant.get("version", table["version"]))
        return found


@functools.cache
def stacks() -> tuple[Stack, ...]:
    """Return all stacks, the oldest first."""
    files = sorted(ROOT.glob("patches/*/stack.toml"))
    return tuple(
        Stack(file.parent.name, file.parent, tomllib.loads(file.read_text())) for file in files
    )


def stack(name: str) -> Stack:
    """Return the stack of this name.

    Raises:
        KeyError: there is none.
    """
    return {stack.name: stack for stack in stacks()}[name]


def stacks_with(package: str) -> list[Stack]:
    """Return the stacks that patch a package, the oldest first."""
    return [stack for stack in stacks() if package in stack.table["packages"]]


def in_turn() -> list[Stack]:
    """Return the stacks: the default one, then the newest first."""
    return sorted(stacks(), key=lambda stack: (stack.is_default, stack.name), reverse=True)


def default_stack() -> Stack:
    """Return the stack that is meant where none is named."""
    return in_turn()[0]


@functools.cache
def installed_stack() -> Stack | None:
    """Return the stack whose releases this interpreter finds; None where there is no such stack.

    At least one of a stack's packages is installed, and all that are have its release.
    """
    return next((stack for stack in in_turn() if _is_installed(stack)), None)


def provides(capability: str) -> bool:
    """Say whether the installed stack has a capability; without a stack there is none.

    Raises:
        ValueError: no stack lists the capability, or the packages are there in releases that
            belong to no stack, where a test that is skipped would say nothing.
    """
    known = frozenset[str]().union(*(stack.capabilities for stack in stacks()))
    if capability not in known:
        raise ValueError(f"no stack provides {capability!r}; there are: {', '.join(sorted(known))}")
    installed = installed_stack()
    if installed is None and (found := _installed_releases()):
        raise ValueError(f"no stack has what is installed: {found}")
    return installed is not None and capability in installed.capabilities


def needs(capability: str) -> pytest.MarkDecorator:
    """Mark a test, or as `pytestmark` a module, that is skipped where the capability is missing."""
    import pytest

    return pytest.mark.skipif(not provides(capability), reason=_missing(capability))


def require(capability: str) -> None:
    """Skip the module, the fixture or the test that runs where the capability is missing."""
    import pytest

    __tracebackhide__ = True  # pytest names the place in the test
    if not provides(capability):
        pytest.skip(_missing(capability), allow_module_level=True)


def _missing(capability: str) -> str:
    installed = installed_stack()
    return f"{installed.name if installed else 'what is installed'} lacks: {capability}"


def _is_installed(stack: Stack) -> bool:
    """Compare package by package: vLLM's build for CPUs brings a `vllm` of the build's version."""
    variants = [stack.variants(package) for package in stack.table["packages"]]
    found = [{_installed_version(name) for name in each} - {None} for each in variants]
    expected = [set(chain(*each.values())) for each in variants]
    return any(found) and all(map(set.issubset, found, expected))


def _installed_releases() -> str:
    """Return what is installed of the stacks' distributions, each with its release."""
    names = sorted({name for stack in stacks() for name in stack.distributions})
    found = {name: version for name in names if (version := _installed_version(name))}
    return ", ".join(f"{name} {version}" for name, version in found.items())


def _installed_version(distribution: str) -> str | None:
    """Return the version, without the local part that says what it was built for."""
    try:
        return metadata.version(distribution).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None
