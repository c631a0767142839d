"""Tell in which condition each package is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from specroll import wording
from specroll.errors import DriftError, PatchError, TargetError
from specroll.report import Report
from specroll.target import condition
from specroll.target.condition import ABSENT, DRIFTED, OUTDATED, Condition
from specroll.target.environment import Environment
from specroll.target.installed import roots
from specroll.target.selection import Member, Request, Survey, survey
from specroll.target.state import patched
from specroll.writing import transaction


def status(request: Request) -> Report:
    """Find the installed packages, inspect each against its lock, report.

    Raises:
        RequestError: the stack or a package is unknown.
        TargetError: what is installed cannot be read.
    """
    try:
        report = _of_stack(survey(request))
    except PatchError as error:
        report = _of_states(request.environment, error)
    folders = roots(request.environment)
    under_way = [folder for folder in folders if transaction.is_under_way(folder)]
    due = [folder for folder in folders if transaction.recovery_is_due(folder)]
    for folder in under_way:
        report.warnings.append(f"another run is at work in {folder}; ask again when it has ended")
    for folder in due:
        report.warnings.append(
            f"an interrupted run in {folder} is due to be finished or undone; apply does it"
        )
    report.facts.update(recovery_due=bool(due), under_way=bool(under_way))
    return report


def _of_stack(surveyed: Survey) -> Report:
    try:
        selection = surveyed.selection()
    except PatchError as error:
        # Without the lock nothing can be said but that.
        found = dict.fromkeys(surveyed.found, Condition(OUTDATED, error.sentences()))
        report = _report(f"stack {surveyed.stack.name}", _ordered(surveyed, found), {})
        report.facts["stack"] = surveyed.stack.name
        return report
    found = {member.package.name: _inspect(member) for member in selection.members}
    known = {member.package.name: wording.facts(member) for member in selection.members}
    report = _report(wording.patch_set(selection), _ordered(surveyed, found), known)
    for name, verdict in selection.sets.items():
        report.add("with" if verdict.is_chosen else "without", f"set {name}: {verdict.reason}")
    report.facts.update(stack=surveyed.stack.name, sets=wording.sets(selection))
    wording.tell_mixture(report, selection)
    return report


def _ordered(surveyed: Survey, found: Mapping[str, Condition]) -> dict[str, Condition]:
    """Return the condition of every package of the stack, with those that cannot be patched."""
    reasons = {**surveyed.absent, **surveyed.mismatched}
    everything = {**found, **{name: Condition(ABSENT, [why]) for name, why in reasons.items()}}
    return {name: everything[name] for name in surveyed.stack.packages if name in everything}


def _inspect(member: Member) -> Condition:
    try:
        return condition.inspect(member)
    except (DriftError, TargetError) as error:
        return Condition(DRIFTED, error.sentences())


def _of_states(environment: Environment, error: PatchError) -> Report:
    """Tell what is patched where no stack can be read that it could be compared with."""
    found = {
        state.package: Condition(OUTDATED, [f"patched by stack {state.stack}"])
        for _, state in patched(environment)
    }
    report = _report("", found, {})
    report.warnings += error.sentences()
    report.facts["stack"] = None
    return report


def _report(
    patch_set: str,
    conditions: Mapping[str, Condition],
    known: Mapping[str, Mapping[str, object]],
) -> Report:
    counts = Counter(found.word for found in conditions.values())
    words = ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))
    report = Report(f"{patch_set}: {words}" if patch_set else words or "nothing is patched")
    packages = {}
    for name, found in conditions.items():
        reasons = "; ".join(found.reasons)
        report.add(found.word, f"{name}: {reasons}" if reasons else name)
        facts = {"condition": found.word, "reasons": found.reasons}
        packages[name] = {**known.get(name, {}), **facts}
    report.facts["packages"] = packages
    return report
