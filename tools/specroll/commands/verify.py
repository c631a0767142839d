"""Compare the installed tree with the lock and RECORD."""

from __future__ import annotations

from specroll import wording
from specroll.report import Report
from specroll.target import differences
from specroll.target.installed import roots
from specroll.target.selection import Request, select
from specroll.writing import transaction


def verify(request: Request) -> Report:
    """Find the installed packages, compare each with lock and RECORD, report all differences.

    Raises:
        ToolError: there is nothing that could be verified, or another run is under way.
    """
    folders = roots(request.environment)
    transaction.refuse_company(folders)
    selection = select(request)
    found = {member.package.name: differences.find(member) for member in selection.members}
    report = Report(facts={"stack": selection.stack.name, "differences": found})
    report.facts["sets"] = wording.sets(selection)
    wording.tell_mixture(report, selection)
    for member in selection.members:
        name = member.package.name
        for sentence in found[name]:
            report.add("differs", sentence)
        if not found[name]:
            report.add("ok", f"{name}: {wording.amount([member])}")
    for name, reason in selection.absent.items():
        report.add("skipped", f"{name}: {reason}")
    for folder in filter(transaction.recovery_is_due, folders):
        report.add("differs", f"{folder}: an interrupted run is due to be finished or undone")
    number = sum(word == "differs" for word, _ in report.lines)
    report.exit_code = 1 if number else 0
    report.summary = f"{wording.patch_set(selection)}: {wording.counted(number, 'difference')}"
    return report
