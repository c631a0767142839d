"""Rehearse `apply` and write nothing."""

from __future__ import annotations

from specroll import wording
from specroll.report import Report
from specroll.target.installed import roots
from specroll.target.selection import Request, refuse_mixture, select
from specroll.writing import plan, transaction


def check(request: Request) -> Report:
    """Find the installed packages, plan the whole series, report what applying would change.

    Raises:
        ToolError: `apply` would fail in the same way, or another run is under way.
    """
    folders = roots(request.environment)
    transaction.refuse_company(folders)
    if due := [str(folder) for folder in folders if transaction.recovery_is_due(folder)]:
        where = " and in ".join(due)
        summary = f"an interrupted run in {where} is due to be finished or undone; apply does that"
        return Report(summary, facts={"recovery_due": True}, exit_code=1)
    selection = select(request)
    refuse_mixture(request, selection)
    plans = plan.forward_all(request.distribution, selection.members)
    report = wording.of_plans(selection, plans, "pending")
    report.exit_code = int(any(item.changes for item in plans))
    return report
