"""The folders that a run writes to: each has a lock and a journal of its own."""

from __future__ import annotations

from pathlib import Path

from specroll.target import installed
from specroll.target.environment import Environment
from specroll.target.selection import Request
from specroll.writing import transaction


def traces(environment: Environment) -> set[Path]:
    """Return the folders in which a run is at work, or was interrupted."""
    roots = installed.roots(environment)
    return {folder for folder in roots if transaction.has_traces(folder)}


def of_request(request: Request) -> list[Path]:
    """Return the folders of packages that are or can be patched, and of interrupted runs.

    Raises:
        RequestError: the stack or a package is unknown.
        PatchError: a stack is malformed.
    """
    homes = traces(request.environment)
    for stack in request.stacks():
        for name in stack.packages.keys() & (request.packages or stack.packages.keys()):
            found = installed.find(request.environment, stack.packages[name])
            if found and (found.is_patched or not stack.packages[name].is_empty):
                homes.add(found.root)
    return sorted(homes)
