"""Put the saved bytes back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from specroll import wording
from specroll.errors import Collector
from specroll.report import Report
from specroll.target import processes
from specroll.target.installed import Installed
from specroll.target.selection import Request
from specroll.target.state import State, foreign_files, patched
from specroll.writing import homes, plan, transaction
from specroll.writing.plan import Plan


def revert(request: Request) -> Report:
    """Find the patched packages, plan their saved bytes, write in one transaction, report.

    Raises:
        ToolError: foreign bytes are in the way; nothing has been written then.
    """
    _refuse_unknown(request)
    places = sorted(
        {*homes.traces(request.environment), *(installed.root for installed, _ in _chosen(request))}
    )
    with transaction.exclusive(*places):
        recovered = {place: transaction.recover(place) for place in places}
        plans, states = _plan(request, places)
        plan.carry_out(plans)
    report = Report(facts={"packages": [state.package for state in states]})
    for state in states:
        for patch in state.patches:
            report.add("reverted", f"{state.package}/{patch}")
    names = ", ".join(state.package for state in states)
    report.summary = f"{names}: as installed" if names else "nothing to do"
    report.warnings += wording.recovery_warnings(recovered)
    report.warnings += [
        f"{path} is not ours and stays" for item in plans for path in foreign_files(item.installed)
    ]
    report.warnings += processes.warnings(item.installed.folder for item in plans)
    return report


def _refuse_unknown(request: Request) -> None:
    """Refuse names that neither what is patched nor a stack knows; no stack is read otherwise."""
    states = [state for _, state in patched(request.environment)]
    packages = set(request.packages) - {state.package for state in states}
    stack = None if request.stack in {state.stack for state in states} else request.stack
    if packages or stack:
        replace(request, packages=tuple(sorted(packages)), stack=stack).stacks()


def _chosen(request: Request) -> list[tuple[Installed, State]]:
    """Return what is patched, of the packages and the stack that are asked for."""
    return [
        (installed, state)
        for installed, state in patched(request.environment)
        if not request.packages or state.package in request.packages
        if not request.stack or state.stack == request.stack
    ]


def _plan(request: Request, places: Collection[Path]) -> tuple[list[Plan], list[State]]:
    failures = Collector()
    plans, states = [], []
    # What another run has patched since the folders were locked is not ours to undo.
    for installed, state in (item for item in _chosen(request) if item[0].root in places):
        with failures.attempt():
            plans.append(plan.backward(installed, state))
            states.append(state)
    failures.settle()
    return plans, states
