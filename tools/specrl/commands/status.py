"""Tell in which condition each package is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from specrl import condition, outline, transaction
from specrl.condition import ABSENT, DRIFTED, Condition
from specrl.errors import DriftError
from specrl.report import Report
from specrl.selection import Member, Request, Selection, survey


def status(request: Request) -> Report:
    """Find the installed packages, inspect each against its lock, report.

    Raises:
        RequestError: the stack or a package is unknown.
        PatchError: the stack or its lock is malformed.
        TargetError: a file cannot be read.
    """
    selection = survey(request)
    conditions = _conditions(selection)
    report = Report(_summary(selection, conditions))
    for name, found in conditions.items():
        reasons = "; ".join(found.reasons)
        report.add(found.word, f"{name}: {reasons}" if reasons else name)
    home = request.environment.home
    if under_way := transaction.is_under_way(home):
        report.warnings.append(f"another run is at work in {home}; ask again when it has ended")
    if due := transaction.recovery_is_due(home):
        report.warnings.append("an interrupted run is due to be finished or undone; apply does it")
    packages = _facts(selection, conditions)
    report.facts.update(stack=selection.stack.name, packages=packages)
    report.facts.update(recovery_due=due, under_way=under_way)
    return report


def _conditions(selection: Selection) -> Mapping[str, Condition]:
    missing = {**selection.absent, **selection.mismatched}
    found = {name: Condition(ABSENT, [reason]) for name, reason in missing.items()}
    found |= {member.package.name: _inspect(member) for member in selection.members}
    return {name: found[name] for name in selection.stack.packages if name in found}


def _summary(selection: Selection, conditions: Mapping[str, Condition]) -> str:
    counts = Counter(found.word for found in conditions.values())
    words = ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))
    return f"stack {selection.stack.name}: {words}"


def _facts(selection: Selection, conditions: Mapping[str, Condition]) -> Mapping[str, object]:
    known = {member.package.name: outline.facts(member) for member in selection.members}
    return {
        name: {**known.get(name, {}), "condition": found.word, "reasons": found.reasons}
        for name, found in conditions.items()
    }


def _inspect(member: Member) -> Condition:
    try:
        return condition.inspect(member)
    except DriftError as error:
        return Condition(DRIFTED, error.sentences())
