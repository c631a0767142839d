"""The lines that several commands report: one a patch, one an absent package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from specroll.report import Report
from specroll.target.selection import Member, Selection
from specroll.writing.plan import Plan


def of_plans(selection: Selection, plans: Sequence[Plan], word: str) -> Report:
    """Report every patch, with the word for those of packages that the plans change."""
    changed = {plan.installed.package for plan in plans if plan.changes}
    members = [member for member in selection.members if member.package.name in changed]
    done = f"{amount(members)} {word}" if members else "nothing to do"
    report = Report(f"stack {selection.stack.name}: {done}")
    packages = {}
    for member in selection.members:
        name = member.package.name
        for patch in member.package.series:
            report.add(word if name in changed else "ok", f"{name}/{patch}")
        packages[name] = {**facts(member), "changed": name in changed}
    for name, reason in selection.absent.items():
        report.add("skipped", f"{name}: {reason}")
    report.facts.update(
        stack=selection.stack.name, packages=packages, absent=dict(selection.absent)
    )
    return report


def facts(member: Member) -> dict[str, object]:
    """Return what `--json` tells about a package."""
    return {
        "distribution": member.variant,
        "version": member.installed.version,
        "folder": str(member.installed.folder),
        "patches": list(member.package.series),
        "overlay": list(member.package.overlay),
    }


def amount(members: Sequence[Member]) -> str:
    """Count what the stack does to packages, in words."""
    patches = sum(len(member.package.series) for member in members)
    files = sum(len(member.package.overlay) for member in members)
    return f"{counted(patches, 'patch', 'patches')} and {counted(files, 'overlay file')}"


def recovery_warnings(recovered: Mapping[Path, str | None]) -> list[str]:
    """Tell where an interrupted run was dealt with, and how."""
    return [
        f"an interrupted run in {home} was {how} first" for home, how in recovered.items() if how
    ]


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun.

    >>> counted(2, "patch", "patches")
    '2 patches'
    """
    return f"{number} {singular if number == 1 else plural or singular + 's'}"
