"""Put the saved bytes back."""

from __future__ import annotations

from specrl import outline, plan, processes, transaction
from specrl.errors import Collector
from specrl.installed import roots
from specrl.plan import Plan
from specrl.report import Report
from specrl.selection import Request, require_known
from specrl.state import State, patched


def revert(request: Request) -> Report:
    """Find the patched packages, plan their saved bytes, write in one transaction, report.

    Raises:
        ToolError: foreign bytes are in the way; nothing has been written then.
    """
    require_known(request)
    home = request.environment.home
    with transaction.exclusive(home):
        recovered = transaction.recover(home, roots(request.environment))
        plans, states = _plan(request)
        plan.carry_out(home, plans)
    report = Report(facts={"packages": [state.package for state in states]})
    for state in states:
        for patch in state.patches:
            report.add("reverted", f"{state.package}/{patch}")
    names = ", ".join(state.package for state in states)
    report.summary = f"{names}: as installed" if names else "nothing to do"
    report.warnings += outline.recovery_warnings(home, recovered)
    report.warnings += processes.warnings(item.installed.folder for item in plans)
    return report


def _plan(request: Request) -> tuple[list[Plan], list[State]]:
    failures = Collector()
    plans, states = [], []
    for installed, state in patched(request.environment):
        if request.packages and state.package not in request.packages:
            continue
        if request.stack and state.stack != request.stack:
            continue
        with failures.attempt():
            plans.append(plan.backward(installed, state))
            states.append(state)
    failures.settle()
    return plans, states
