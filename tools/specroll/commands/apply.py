"""Patch the installed packages of a stack."""

from __future__ import annotations

from specroll import wording
from specroll.errors import Collector, DriftError
from specroll.report import Report
from specroll.target import differences, processes
from specroll.target.selection import Request, Selection, refuse_mixture, select
from specroll.writing import homes, plan, transaction


def apply(request: Request) -> Report:
    """Find the installed packages, plan the whole series, write it in one transaction, report.

    Raises:
        ToolError: something does not fit; nothing has been written then.
    """
    places = homes.of_request(request)
    with transaction.exclusive(*places):
        recovered = {place: transaction.recover(place) for place in places}
        selection = select(request)
        refuse_mixture(request, selection)
        plans = plan.forward_all(request.distribution, selection.members)
        changed = [item for item in plans if item.changes]
        plan.carry_out(changed)
        _verify(selection)
    report = wording.of_plans(selection, plans, "applied")
    report.warnings += wording.recovery_warnings(recovered)
    report.warnings += processes.warnings(item.installed.folder for item in changed)
    return report


def _verify(selection: Selection) -> None:
    failures = Collector()
    for member in selection.members:
        for sentence in differences.find(member):
            failures.add(DriftError(f"{sentence}; another program writes there, apply again"))
    failures.settle()
