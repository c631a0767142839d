"""Make a scratch repository in which a series is edited."""

from __future__ import annotations

from pathlib import Path

from specroll import artefact
from specroll.artefact import Store
from specroll.report import Report
from specroll.series import Series
from specroll.stack import Stack
from specroll.workspace import Workspace


def edit(stack: Stack, name: str, store: Store, folder: Path) -> Report:
    """Fetch the pinned artefact, commit its package and then every patch of the series, report.

    Raises:
        ToolError: the artefact cannot be had, a patch does not apply, or the folder exists.
    """
    package = stack.package(name)
    series = Series.load(stack, package)
    wheel = store.fetch(next(iter(package.variants.values())))
    Workspace.create(folder, artefact.text_files(wheel, name), series.patches)
    report = Report(facts={"folder": str(folder), "patches": list(package.series)})
    for patch in series.patches:
        report.add("ok", f"{name}/{patch.name}")
    report.summary = f"{folder}: commit there, then run `apply-patches refresh {name}`"
    return report
