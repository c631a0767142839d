"""What every patch and overlay file owes its reader; each breach is one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from specroll.errors import PatchError
from specroll.stack import lock, overlay
from specroll.stack.distribution import Distribution
from specroll.stack.patch import Patch
from specroll.stack.registry import FILE_NAME, PROOFS_NAME, Package, Stack

NAME = re.compile(r"[0-9]{4}-(feature|bugfix)-\w+\.patch")


def series_breaches(
    stack: Stack, package: Package, part: str, added: set[str]
) -> Iterator[tuple[str, list[str]]]:
    """Hold every patch of a part against the conventions; yield its name and its breaches."""
    for number, name in enumerate(package.parts[part].series, 1):
        path = stack.folder / package.name / name
        found = list(_name_breaches(path, number))
        try:
            patch = Patch.load(stack.folder / package.name, name)
        except PatchError as error:
            yield name, [*found, *error.sentences()]
            continue
        found += [*_patch_breaches(path, patch, part, added), *ungrounded(path, patch, stack)]
        yield name, found


def _patch_breaches(path: Path, patch: Patch, part: str, added: set[str]) -> Iterator[str]:
    for problem in patch.header.problems():
        yield f"{path} {problem}; correct it with `edit`"
    if patch.header.part != part:
        yield (
            f"{path} belongs to {part} by its folder, to {patch.header.part} by its trailers; move"
            " it, or correct `Patch-Set`"
        )
    for file in patch.files:
        if file.path in added:
            yield f"{path} touches {file.path}, an overlay file; change that file instead"


def ungrounded(path: Path, patch: Patch, stack: Stack) -> Iterator[str]:
    """Say what a patch lacks for a new release to show by itself whether it is still right.

    Bugfixes owe it in every stack, features in the default one, which new stacks begin with.
    """
    if not (patch.header.subject.startswith("[bugfix]") or stack.is_default):
        return
    if not patch.header.relies_on:
        yield f"{path} has no trailer `Relies-On:`; name the upstream code that it depends on"
    if not patch.header.proofs:
        yield f"{path} has no trailer `Proof:`; name a test that fails without the patch"


def _name_breaches(path: Path, number: int) -> Iterator[str]:
    if not NAME.fullmatch(path.name):
        yield f"{path} is not named NNNN-feature-words.patch or NNNN-bugfix-words.patch; rename it"
    elif int(path.name[:4]) != number:
        yield f"{path} is patch {number} of its series; number them from 0001 without gaps"


def overlay_breaches(distribution: Distribution) -> Iterator[str]:
    """Yield overlay files that have Windows line endings."""
    for path in overlay.files(distribution.overlay):
        if b"\r\n" in path.read_bytes():
            yield f"{path} has Windows line endings (CRLF); convert it"


def default_breaches(distribution: Distribution, stacks: Sequence[Stack]) -> Iterator[str]:
    """Yield a sentence where not exactly one stack is the default."""
    marked = [stack.name for stack in stacks if stack.is_default]
    if len(marked) != 1:
        yield (
            f"{distribution.patches}: {', '.join(marked) or 'no stack'} says `default = true`;"
            f" exactly one {FILE_NAME} shall"
        )


def unused_files(distribution: Distribution, stacks: Sequence[Stack]) -> Iterator[str]:
    """Yield files of `patches/` and `overlay/` that no stack uses."""
    used = {path for stack in stacks for path in _used(distribution, stack)}
    for path in [*overlay.files(distribution.patches), *overlay.files(distribution.overlay)]:
        if path not in used:
            yield f"{path} is used by no stack; name it in a {FILE_NAME} or delete it"


def _used(distribution: Distribution, stack: Stack) -> Iterator[Path]:
    yield stack.folder / FILE_NAME
    yield stack.folder / lock.FILE_NAME
    yield stack.folder / PROOFS_NAME
    for package in stack.packages.values():
        yield from (stack.folder / package.name / name for name in package.whole.series)
        yield from (distribution.overlay / path for path in package.whole.overlay)
    for environment in stack.environments.values():
        if "lock" in environment:
            yield stack.folder / str(environment["lock"])
