"""Patch the installed packages of a stack."""

from __future__ import annotations

from specrl import outline, plan, processes, transaction
from specrl.errors import Collector, DriftError
from specrl.installed import roots
from specrl.report import Report
from specrl.selection import Request, Selection, select
from specrl.verification import differences


def apply(request: Request) -> Report:
    """Find the installed packages, plan the whole series, write it in one transaction, report.

    Raises:
        ToolError: something does not fit; nothing has been written then.
    """
    home = request.environment.home
    with transaction.exclusive(home):
        recovered = transaction.recover(home, roots(request.environment))
        selection = select(request)
        plans = plan.forward_all(request.distribution, selection.members)
        changed = [item for item in plans if item.changes]
        plan.carry_out(home, changed)
        _verify(selection)
    report = outline.of_plans(selection, plans, "applied")
    names = {item.installed.package for item in changed}
    members = [member for member in selection.members if member.package.name in names]
    report.summary = f"stack {selection.stack.name}: " + (
        f"{outline.amount(members)} applied" if members else "nothing to do"
    )
    report.warnings += outline.recovery_warnings(home, recovered)
    report.warnings += processes.warnings(item.installed.folder for item in changed)
    return report


def _verify(selection: Selection) -> None:
    failures = Collector()
    for member in selection.members:
        for sentence in differences(member):
            failures.add(DriftError(f"{sentence}; another program writes there, apply again"))
    failures.settle()
