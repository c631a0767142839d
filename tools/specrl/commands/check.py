"""Rehearse `apply` and write nothing."""

from __future__ import annotations

from specrl import outline, plan, transaction
from specrl.report import Report
from specrl.selection import Request, select


def check(request: Request) -> Report:
    """Find the installed packages, plan the whole series, report what applying would change.

    Raises:
        ToolError: `apply` would fail in the same way, or another run is under way.
    """
    home = request.environment.home
    transaction.refuse_company(home)
    if transaction.recovery_is_due(home):
        summary = f"an interrupted run in {home} is due to be finished or undone; apply does that"
        return Report(summary, facts={"recovery_due": True}, exit_code=1)
    selection = select(request)
    plans = plan.forward_all(request.distribution, selection.members)
    report = outline.of_plans(selection, plans, "pending")
    names = {item.installed.package for item in plans if item.changes}
    members = [member for member in selection.members if member.package.name in names]
    report.exit_code = 1 if members else 0
    report.summary = f"stack {selection.stack.name}: " + (
        f"{outline.amount(members)} to apply" if members else "nothing to do"
    )
    return report
