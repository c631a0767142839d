"""Say which newer releases there are, and how far each series would carry; write nothing."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from specroll.errors import Collector, RequestError
from specroll.porting.passage import Passage
from specroll.porting.session import OVERLAY, Session
from specroll.report import Report
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.index import Index
from specroll.stack.registry import Package, Stack
from specroll.wording import counted

NEWER = "newer"


@dataclass(frozen=True)
class Scope:
    """Which stacks and packages are looked at; all of them where none is named.

    >>> Scope(packages=("alpha",)).stacks
    ()
    """

    stacks: Collection[str] = ()
    packages: Collection[str] = ()
    artefacts: Path | None = None


def outlook(distribution: Distribution, scope: Scope) -> Report:
    """Carry each series through all newer final releases in scratch repositories, report.

    Raises:
        ToolError: a stack cannot be read, the index cannot be reached, or a name is unknown.
    """
    index, store = Index.configured(), Store.beside(scope.artefacts)
    report = Report()
    known: dict[str, object] = {}
    failures = Collector()
    stacks = [Stack.load(distribution, name) for name in scope.stacks or distribution.stacks()]
    _refuse_unknown(stacks, scope.packages)
    for stack in stacks:
        name = stack.name
        for package in map(stack.package, wanted(stack, scope.packages)):
            passage = Passage(distribution, stack, Path(), index, store, through=True)
            with failures.attempt():
                session = _ahead(passage, package)
                newer = _verdicts(session, package) if session else {}
                _tell(report, f"{name}/{package.name} {package.version}", newer)
                known[f"{name}/{package.name}"] = {"version": package.version, "newer": newer}
    failures.settle()
    report.facts["packages"] = known
    number = sum(word == NEWER for word, _ in report.lines)
    report.summary = counted(number, "newer release")
    return report


def wanted(stack: Stack, packages: Collection[str]) -> list[str]:
    """Return the packages of a stack that are asked for, all where none is named."""
    return [name for name in stack.packages if not packages or name in packages]


def _refuse_unknown(stacks: Iterable[Stack], packages: Collection[str]) -> None:
    """Refuse a package that no stack has.

    Raises:
        RequestError: there is one.
    """
    known = {name for stack in stacks for name in stack.packages}
    for name in packages:
        if name not in known:
            raise RequestError(f"No stack has package {name!r}; name one of: {', '.join(known)}.")


def _ahead(passage: Passage, package: Package) -> Session | None:
    """Return how far a package's series carries, None where there is no newer release."""
    newest = passage.newest(package)
    if newest is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = replace(passage, folder=Path(folder) / passage.source.name)
        carriage = elsewhere.carriage(package.name, newest)
        carriage.run_past_conflicts()
        return carriage.session


def _verdicts(session: Session, package: Package) -> Mapping[str, Counter[str]]:
    """Count what became of the patches at each release that the stack does not accept yet."""
    pinned = {variant.version for variant in package.variants.values()}
    cells = [cell for cell in session.cells if cell.patch != OVERLAY]
    return {
        release: Counter(cell.verdict for cell in cells if cell.release == release)
        for release in session.route
        if release not in pinned
    }


def _tell(report: Report, place: str, newer: Mapping[str, Counter[str]]) -> None:
    if not newer:
        report.add("ok", f"{place}: nothing newer")
    for release, verdicts in newer.items():
        words = ", ".join(f"{number} {word}" for word, number in verdicts.items())
        report.add(NEWER, f"{place} -> {release}: {words or 'nothing to carry'}")
