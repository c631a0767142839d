"""Hold patches and overlay against the conventions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specroll.authoring import conventions, freshness
from specroll.errors import PatchError, ToolError
from specroll.report import Report
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.lock import FILE_NAME, Lock
from specroll.stack.registry import Package, Stack
from specroll.wording import counted

Line = tuple[str, str]


def lint(distribution: Distribution, store: Store) -> Report:
    """Look at every patch, lock and overlay file of all stacks, report all breaches."""
    # A patch that cannot be read is met twice.
    report = Report(lines=list(dict.fromkeys(_lines(distribution, store))))
    number = sum(word == "differs" for word, _ in report.lines)
    report.exit_code = 1 if number else 0
    stacks = counted(len(distribution.stacks()), "stack")
    report.summary = f"{stacks}: {counted(number, 'breach', 'breaches')}"
    report.facts["breaches"] = [text for word, text in report.lines if word == "differs"]
    return report


def _lines(distribution: Distribution, store: Store) -> Iterator[Line]:
    stacks = []
    for name in distribution.stacks():
        try:
            stacks.append(Stack.load(distribution, name))
        except ToolError as error:
            yield from _differing(error.sentences())
    for stack in stacks:
        yield from _of_stack(distribution, stack, store)
    yield from _differing(conventions.overlay_breaches(distribution))
    # What a stack uses is not known where it cannot be read.
    if len(stacks) == len(distribution.stacks()):
        yield from _differing(conventions.default_breaches(distribution, stacks))
        yield from _differing(conventions.unused_files(distribution, stacks))


def _of_stack(distribution: Distribution, stack: Stack, store: Store) -> Iterator[Line]:
    for package in stack.packages.values():
        yield from _of_patches(stack, package)
    try:
        lock = Lock.load(stack)
        if lock.dump() != (stack.folder / FILE_NAME).read_bytes():
            raise PatchError(f"{stack.folder / FILE_NAME} was edited; run `apply-patches refresh`")
    except ToolError as error:
        yield from _differing(error.sentences())
        return
    for package in stack.packages.values():
        yield from _of_artefacts(distribution, stack, package, lock, store)


def _of_patches(stack: Stack, package: Package) -> Iterator[Line]:
    added = {path for each in stack.packages.values() for path in each.whole.overlay}
    for part in package.parts:
        for name, found in conventions.series_breaches(stack, package, part, added):
            place = f"{stack.name}/{package.name}/{name}"
            yield from _differing(found) if found else [("ok", place)]


def _of_artefacts(
    distribution: Distribution, stack: Stack, package: Package, lock: Lock, store: Store
) -> Iterator[Line]:
    try:
        artefacts = freshness.artefacts_at_hand(package, store)
    except ToolError as error:
        yield from _differing(error.sentences())
        return
    yield from _differing(freshness.breaches(distribution, stack, package, lock, artefacts))
    for name, variant in package.variants.items():
        if name not in artefacts:
            reason = f"{variant.artefact.name} is not at hand; name its folder with --artefacts"
            yield "skipped", f"{stack.name}/{package.name}: {reason}"


def _differing(sentences: Iterable[str]) -> list[Line]:
    return [("differs", sentence) for sentence in sentences]
