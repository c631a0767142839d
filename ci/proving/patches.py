"""The patches of a stack that name proofs: tests that fail without them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from specroll.stack.header import Header

from testing.registry import Stack

FIRST_DIFF = "\ndiff --git "


@dataclass(frozen=True)
class ProvablePatch:
    """A patch file that names proofs.

    For example `ProvablePatch("alpha/cpu/0001-bugfix-slow.patch", "0" * 64, ("tests/t.py::test",))`
    is a bugfix of `alpha`.
    """

    path: str
    sha256: str
    proofs: tuple[str, ...]

    @property
    def package(self) -> str:
        """The package that it patches."""
        return self.path.partition("/")[0]

    @property
    def is_bugfix(self) -> bool:
        """Whether it mends a fault of upstream's."""
        return "-bugfix-" in self.path


def provable_patches(stack: Stack) -> list[ProvablePatch]:
    """Return the patches that name proofs, in the order of their series.

    Raises:
        OSError: a patch that the stack lists cannot be read.
    """
    found = []
    for path in series(stack):
        data = (stack.folder / path).read_bytes()
        head, _, _ = data.decode("latin-1").partition(FIRST_DIFF)
        if proofs := Header.parse(head).proofs:
            found.append(ProvablePatch(path, hashlib.sha256(data).hexdigest(), proofs))
    return found


def series(stack: Stack) -> Iterator[str]:
    """Yield the paths of a stack's patches: those of a set follow the package's others."""
    for name, package in stack.table["packages"].items():
        yield from (f"{name}/{patch}" for patch in package["series"])
        for part, table in package.get("sets", {}).items():
            yield from (f"{name}/{part}/{patch}" for patch in table.get("series", ()))
