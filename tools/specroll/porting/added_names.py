"""Whether what a patch's added lines import, use and call is upstream still, and takes the same."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import cast

from specroll.porting.finding import Finding
from specroll.porting.names import Names, Reference, module_of
from specroll.porting.release import Source, UnparsableError
from specroll.porting.upstream_names import Check
from specroll.porting.uses import MemberUse, OwnClass, Uses
from specroll.stack.patch import FilePatch, Patch, Reader


def changes(patch: Patch, read: Reader, old: Names, new: Names) -> Iterator[Finding]:
    """Yield a finding for each upstream name that is gone or takes something else.

    Of a file that does not parse nothing is said; `placement` does.

    Args:
        patch: The patch, carried.
        read: Reads the files just before it in the new release.
        old: The names of the release that it was made for, with the overlay.
        new: Those of the new one.

    Raises:
        DriftError: a file has Windows line endings.
        PatchError: a file is not what the patch was made for.
    """
    after = dict(patch.apply(read))
    for file in patch.files:
        data = after[file.path]
        if file.path.endswith(".py") and data is not None:
            with suppress(UnparsableError):
                uses = Uses.of(file.path, Source.parse(file.path, data))
                added = _of_lines(uses, _added(file), module_of(file.path))
                yield from Check(file.path, old, new).findings(added)


def _added(file: FilePatch) -> Collection[int]:
    return {hunk.target_start + number + 1 for hunk in file.hunks for number in hunk.added}


def _of_lines(uses: Uses, lines: Collection[int], module: str) -> Uses:
    """Return the uses in some lines of upstream's module."""
    return Uses(
        [use for use in uses.of_names if use.line in lines],
        [
            use if use.is_of_super or use.owner.line in lines else _of_heir(use, module)
            for use in uses.of_members
            if use.line in lines
        ],
        [own for own in uses.classes if own.line in lines],
    )


def _of_heir(use: MemberUse, module: str) -> MemberUse:
    """Look at a patched class as one that has nothing itself and inherits from upstream's."""
    name = use.owner.node.name
    node = cast("ast.ClassDef", ast.parse(f"class {name}: ...").body[0])
    return replace(use, owner=OwnClass(use.owner.line, node, (Reference(module, (name,)),)))
