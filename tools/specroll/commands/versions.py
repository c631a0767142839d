"""Generate VERSIONS.md, or say whether it is stale."""

from __future__ import annotations

from specroll.authoring import versions_page
from specroll.report import Report
from specroll.stack.distribution import Distribution
from specroll.target.installed import read
from specroll.writing import transaction
from specroll.writing.journal import Batch, Change


def write(distribution: Distribution) -> Report:
    """Render the page, write it where it differs, report.

    Raises:
        PatchError: a stack or a patch is malformed.
        TargetError: the page cannot be written.
    """
    page = versions_page.path(distribution)
    rendered = versions_page.render(distribution)
    changes = [Change(page, rendered)] if read(page) != rendered else []
    with transaction.exclusive(page.parent):
        transaction.recover(page.parent)
        transaction.run(Batch(page.parent, changes))
    facts: dict[str, object] = {"path": str(page), "changed": bool(changes)}
    return Report(f"{page}: {'written' if changes else 'nothing to do'}", facts=facts)


def check(distribution: Distribution) -> Report:
    """Render the page, compare it with the one that is there, report.

    Raises:
        PatchError: a stack or a patch is malformed.
    """
    page = versions_page.path(distribution)
    stale = read(page) != versions_page.render(distribution)
    summary = f"{page} is stale; run `apply-patches versions --write`" if stale else f"{page}: ok"
    return Report(summary, facts={"path": str(page), "stale": stale}, exit_code=int(stale))
