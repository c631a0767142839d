"""Carry series onto new upstream releases, show what needs eyes, write the new stack."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from textwrap import indent

from specroll.commands import versions
from specroll.commands.lint import lint
from specroll.errors import PatchError, RequestError
from specroll.porting import overview, publication
from specroll.porting.carriage import Carriage
from specroll.porting.passage import Passage
from specroll.porting.prover import Prover
from specroll.porting.publication import Publication
from specroll.porting.route import version_of
from specroll.porting.session import CARRIED, CONFLICT, MERGED, OVERLAY, Cell, Session
from specroll.report import Report
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.index import Index
from specroll.stack.patch_names import is_named
from specroll.stack.registry import Stack, default_stack
from specroll.wording import counted
from specroll.writing import transaction

NEEDS_EYES = 1
STACK_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
# Before a patch whose findings nobody has accepted.
EYES = "look"


def releases(packages: Sequence[str], onto: str | None) -> Mapping[str, str]:
    """Return the release of each package, which is named as `PACKAGE` or `PACKAGE==VERSION`.

    Raises:
        RequestError: a package has no release, one that is no version, or is named twice.
    """
    found: dict[str, str] = {}
    for item in packages:
        name, _, version = item.partition("==")
        if name in found:
            raise RequestError(f"Package {name} is named twice; name it once.")
        if not (version or onto):
            raise RequestError(f"Package {name} has no release; write {name}==VERSION or --onto.")
        found[name] = version or str(onto)
        version_of(found[name])
    return found


@dataclass(frozen=True)
class Wish:
    """What a user asks for.

    Attributes:
        aims: The release of each package.
        stack: The stack to write; the old one for a further version.
        old: The stack whose series are carried, None for the default one.
        workdir: Where scratch repositories lie.
        artefacts: A folder to look for artefacts in first.
        through: Whether the releases on the way are visited.
        continues: Whether a conflict has been resolved.
        accepted: Patches whose findings are accepted, by name, with or without number.
        dropped: Patches that the new series goes without, by such a name.
        dry_run: Whether nothing is to be written.
        proves: Whether the proofs of the patches are run once the stack is written.
    """

    aims: Mapping[str, str]
    stack: str
    old: str | None = None
    workdir: Path = Path()
    artefacts: Path | None = None
    through: bool = False
    continues: bool = False
    accepted: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    dry_run: bool = False
    proves: bool = False


def rebase(distribution: Distribution, wish: Wish) -> Report:
    """Carry packages onto releases, and write a stack once nothing is left to judge, report.

    Raises:
        ToolError: a release cannot be had, or something is asked for that is not there.
    """
    _refuse(wish)
    source = Stack.load(distribution, wish.old or default_stack(distribution))
    if wish.dropped and wish.stack == source.name:
        raise RequestError(f"Stack {wish.stack} keeps its patches; leave out --drop.")
    prover = _prover(distribution, wish, source) if wish.proves else None
    passage = Passage(
        distribution,
        source,
        wish.workdir.absolute() / wish.stack,
        Index.configured(),
        Store.beside(wish.artefacts),
        wish.through,
    )
    if wish.dry_run:
        return _rehearsed(passage, wish)
    passage.folder.mkdir(parents=True, exist_ok=True)
    with transaction.exclusive(passage.folder):
        publication.recover(passage, wish.stack)
        if sessions := publication.left_over(passage, wish.stack, wish.aims):
            report = _finished(passage, wish.stack, sessions, changed=())
        else:
            publication.refuse_known(passage, wish.stack, wish.aims)
            report = _rebased(passage, wish)
        return _proven(report, prover, wish.stack)


def _refuse(wish: Wish) -> None:
    """Refuse what cannot be meant."""
    if not STACK_NAME.fullmatch(wish.stack):
        raise RequestError(
            f"{wish.stack!r} is no name for a stack; use letters, digits, . _ and -."
        )
    if wish.dry_run and (wish.continues or wish.accepted or wish.dropped):
        raise RequestError(
            "--dry-run begins anew each time; leave out --continue, --accept and --drop."
        )
    if wish.dry_run and wish.proves:
        raise RequestError("--dry-run writes no stack that could be proven; leave out --prove.")


def _prover(distribution: Distribution, wish: Wish, source: Stack) -> Prover:
    """Return what proves the stack that is to be written."""
    if wish.stack == source.name:
        raise RequestError(
            f"Stack {wish.stack} keeps its patches, and no environment has a further version to"
            " prove them in; leave out --prove."
        )
    return Prover.of(distribution)


def _rehearsed(passage: Passage, wish: Wish) -> Report:
    """Carry every patch as far as it goes, pass over conflicts, write nothing, report."""
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = replace(passage, folder=Path(folder) / wish.stack)
        carriages = [elsewhere.carriage(name, aim) for name, aim in wish.aims.items()]
        for carriage in carriages:
            carriage.run_past_conflicts()
        return _report(_sessions(carriages))


def _rebased(passage: Passage, wish: Wish) -> Report:
    carriages = [passage.carriage(name, aim) for name, aim in wish.aims.items()]
    for carriage in carriages:
        carriage.adopt()
    if wish.continues:
        _settle(carriages, wish.dropped)
    else:
        for carriage in carriages:
            carriage.resume()
    for carriage in carriages:
        if conflict := carriage.run():
            return _stopped(carriages, carriage, conflict)
    new_stack = Publication(passage, carriages, wish.stack)
    if wish.dropped:
        new_stack.refuse_others()
        _drop(carriages, wish.dropped)
    _accept(carriages, wish.accepted)
    sessions = _sessions(carriages)
    report = _report(sessions)
    if report.exit_code:
        return report
    changed = new_stack.write()
    return _finished(passage, wish.stack, sessions, changed)


def _proven(report: Report, prover: Prover | None, stack: str) -> Report:
    """Return a report with what is proven of a stack, once that is written."""
    if prover and "changed" in report.facts:
        proofs = prover.prove(stack)
        report.lines += proofs.lines
        report.exit_code = max(report.exit_code, proofs.exit_code)
        report.summary = f"{report.summary}; {proofs.summary}"
    return report


def _finished(
    passage: Passage, stack: str, sessions: Sequence[Session], changed: Sequence[Path]
) -> Report:
    """Do what follows once the stack is written, also where a run was cut short there, report."""
    versions.write(passage.distribution)
    linted = lint(passage.distribution, passage.store)
    publication.forget(passage, sessions)
    report = _report(sessions)
    report.facts["changed"] = [str(path) for path in changed]
    report.lines += [line for line in linted.lines if line[0] == "differs"]
    report.exit_code = linted.exit_code
    report.summary = (
        f"stack {stack} is written: {report.summary}; {linted.summary}; look at its"
        " [environments] and [ci]"
    )
    return report


def _sessions(carriages: Iterable[Carriage]) -> list[Session]:
    return [carriage.session for carriage in carriages]


def _settle(carriages: Sequence[Carriage], dropped: Collection[str]) -> None:
    """Go on after conflicts: patches that are dropped are left out, others were resolved."""
    stopped = [(each, each.session.conflict) for each in carriages if each.session.conflict]
    if not stopped:
        raise RequestError("No patch is in conflict; leave out --continue.")
    for carriage, conflict in stopped:
        name = f"{carriage.session.package}/{conflict.patch}"
        if any(is_named(name, text) for text in dropped):
            carriage.skip()
        else:
            carriage.settle()


def _accept(carriages: Sequence[Carriage], accepted: Collection[str]) -> None:
    """Note what a person has accepted, once all of it is known to be asked."""

    def with_findings(session: Session) -> Collection[str]:
        return {cell.patch for cell in session.cells if cell.findings}

    chosen = [_named(carriages, text, "needs eyes", with_findings) for text in accepted]
    for carriage in carriages:
        carriage.accept([patch for found in chosen for each, patch in found if each is carriage])


def _drop(carriages: Sequence[Carriage], dropped: Collection[str]) -> None:
    """Leave patches out of the new series, once each is known; a run before may have done it."""
    chosen = [
        _named(carriages, text, "is in the series", lambda session: dict(session.patches))
        for text in dropped
    ]
    for text, found in zip(dropped, chosen, strict=True):
        if len(found) > 1:
            names = " and ".join(f"{each.session.package}/{patch}" for each, patch in found)
            raise RequestError(f"{text!r} names {names}; name them in full.")
    for carriage in carriages:
        left = {patch for found in chosen for each, patch in found if each is carriage}
        if left & dict(carriage.session.result).keys():
            carriage.drop(left)


def _named(
    carriages: Sequence[Carriage],
    text: str,
    what: str,
    patches: Callable[[Session], Collection[str]],
) -> list[tuple[Carriage, str]]:
    """Return the patches of this name among those of each session.

    Raises:
        RequestError: there is none; `what` says what none of this name does.
    """
    found = [
        (carriage, patch)
        for carriage in carriages
        for patch in patches(carriage.session)
        if is_named(f"{carriage.session.package}/{patch}", text)
    ]
    if not found:
        raise RequestError(f"No patch {text!r} {what}; name one that the report lists.")
    return found


def _report(sessions: Sequence[Session]) -> Report:
    report = Report()
    for session in sessions:
        for cell in session.cells:
            place = f"{session.package}/{cell.patch} onto {cell.release}"
            if cell.patch != OVERLAY or cell.findings:
                reason = f" ({cell.reason})" if cell.reason else ""
                report.add(cell.verdict, f"{place}{reason}")
            is_open = cell in session.questions
            for finding in cell.findings:
                said = "" if is_open else " (accepted)"
                diff = f"\n{indent(finding.diff, ' ' * 10)}".rstrip()
                report.add(EYES, f"{place}: {finding.sentence}{said}{diff}")
    report.tables = [overview.table(each) for each in sessions if len(each.route) > 1]
    report.facts["packages"] = {each.package: asdict(each) for each in sessions}
    conflicts = sum(word == CONFLICT for word, _ in report.lines)
    questions = len({(each.package, cell.patch) for each in sessions for cell in each.questions})
    report.exit_code = PatchError.exit_code if conflicts else NEEDS_EYES if questions else 0
    report.summary = _summary(sessions, conflicts, questions)
    return report


def _summary(sessions: Sequence[Session], conflicts: int, questions: int) -> str:
    # Of a patch that was carried through several releases the last one counts.
    cells = {(each.package, cell.patch): cell for each in sessions for cell in each.cells}
    carried = sum(
        cell.verdict in (CARRIED, MERGED) for cell in cells.values() if cell.patch != OVERLAY
    )
    said = [f"{counted(carried, 'patch', 'patches')} carried"]
    if conflicts:
        said.append(counted(conflicts, "conflict"))
    if questions:
        said.append(f"{questions} need eyes; read what is said about each, then --accept it")
    return ", ".join(said)


def _stopped(carriages: Sequence[Carriage], carriage: Carriage, conflict: Cell) -> Report:
    report = _report(_sessions(carriages))
    report.summary = (
        f"{carriage.carrier.folder} is in conflict: mend it there and `git add` it, then run this"
        f" again with --continue; or leave the patch out with --continue --drop {conflict.patch}"
    )
    return report
