"""The lines that several commands report: one a patch, one an absent package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from specroll.report import Report
from specroll.stack.sets import with_sets
from specroll.target.selection import Member, Selection
from specroll.writing.plan import Plan


def of_plans(selection: Selection, plans: Sequence[Plan], word: str) -> Report:
    """Report every patch, with the word for those of packages that the plans change."""
    changed = {plan.installed.package for plan in plans if plan.changes}
    members = [member for member in selection.members if member.package.name in changed]
    done = f"{amount(members)} {word}" if members else "nothing to do"
    report = Report(f"{patch_set(selection)}: {done}")
    packages = {}
    for member in selection.members:
        name = member.package.name
        for patch in member.content.patches:
            report.add(word if name in changed else "ok", f"{name}/{patch}")
        packages[name] = {**facts(member), "changed": name in changed}
    for name, reason in selection.absent.items():
        report.add("skipped", f"{name}: {reason}")
    report.facts.update(
        stack=selection.stack.name,
        sets=sets(selection),
        packages=packages,
        absent=dict(selection.absent),
    )
    tell_mixture(report, selection)
    return report


def tell_mixture(report: Report, selection: Selection) -> None:
    """Warn of patched packages that are not asked for and hold other sets."""
    report.facts["mixed"] = dict(selection.mixed)
    report.warnings += [
        f"{reason}; `apply` without --package mends it" for reason in selection.mixed.values()
    ]


def patch_set(selection: Selection) -> str:
    """Name the stack and the sets that the environment gets."""
    return f"stack {selection.stack.name}{with_sets(selection.chosen_sets)}"


def sets(selection: Selection) -> dict[str, object]:
    """Return what `--json` tells about sets."""
    return {
        name: {"chosen": verdict.is_chosen, "reason": verdict.reason}
        for name, verdict in selection.sets.items()
    }


def facts(member: Member) -> dict[str, object]:
    """Return what `--json` tells about a package."""
    return {
        "distribution": member.variant.distribution,
        "version": member.installed.version,
        "folder": str(member.installed.folder),
        "sets": list(member.content.sets),
        "patches": list(member.content.patches),
        "overlay": list(member.content.overlay),
    }


def amount(members: Sequence[Member]) -> str:
    """Count what the stack does to packages, in words."""
    patches = sum(len(member.content.series) for member in members)
    files = sum(len(member.content.overlay) for member in members)
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
