"""Make a scratch repository in which a series is edited."""

from __future__ import annotations

from pathlib import Path

from specroll.authoring.workspace import Workspace
from specroll.report import Report
from specroll.stack import archive
from specroll.stack.artefact import Store
from specroll.stack.registry import Stack
from specroll.stack.series import Series


def edit(stack: Stack, name: str, store: Store, folder: Path) -> Report:
    """Fetch the pinned artefact, commit its package and then every patch of the series, report.

    Raises:
        ToolError: the artefact cannot be had, a patch does not apply, or the folder exists.
    """
    package = stack.package(name)
    series = Series.load(stack, name, package.whole.series)
    artefact = store.fetch(next(iter(package.variants.values())))
    Workspace.create(folder, archive.text_files(artefact, name), series.patches)
    report = Report(facts={"folder": str(folder), "patches": list(package.whole.series)})
    for patch in series.patches:
        report.add("ok", f"{name}/{patch.name}")
    report.summary = f"{folder}: commit there, then run `apply-patches refresh {name}`"
    return report
