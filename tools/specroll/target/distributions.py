"""Which distributions an environment holds."""

from __future__ import annotations

from collections.abc import Iterable

from specroll.stack.registry import Stack
from specroll.stack.sets import normalised
from specroll.target.environment import Environment


def names(environment: Environment, stack: Stack, found: Iterable[str]) -> frozenset[str]:
    """Return the normalised names of what is installed.

    Args:
        environment: Where to look.
        stack: Its packages are found by their files: metadata alone may be left from another
            installation, or belong to an empty distribution.
        found: The distributions that those files belong to.
    """
    by_files = {normalised(name) for each in stack.packages.values() for name in each.distributions}
    listed = {
        normalised(info.name.split("-")[0])
        for folder in environment.folders
        for info in folder.glob("*.dist-info")
    }
    return frozenset(listed - by_files | {normalised(name) for name in found})
