"""What became of each patch at each release, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from specroll.porting.session import OVERLAY, Cell, Session

# Behind the verdict of a patch that a person must look at, or has.
EYES = "*"
NOTHING = "-"


def table(session: Session) -> str:
    """Return a line a patch and a column a release.

    >>> cells = [Cell("1.1", "1-x.patch", "merged"), Cell("1.2", "1-x.patch", "carried")]
    >>> session = Session("p", "old", "1.0", ("1.1", "1.2"), (("1-x.patch", "c"),), tuple(cells))
    >>> print(table(session))
    p, * needs eyes  1.1     1.2
    1-x              merged  carried
    """
    found = {(cell.patch, cell.release): cell for cell in session.cells}
    names = [name for name, _ in session.patches]
    if any(cell.findings for cell in session.cells if cell.patch == OVERLAY):
        names.append(OVERLAY)
    rows = [[f"{session.package}, {EYES} needs eyes", *session.route]]
    for name in names:
        verdicts = [_said(found.get((name, release))) for release in session.route]
        rows.append([str(PurePosixPath(name).with_suffix("")), *verdicts])
    return "\n".join(_aligned(rows))


def _said(cell: Cell | None) -> str:
    if cell is None:
        return NOTHING
    return f"{cell.verdict}{EYES if cell.findings else ''}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        for row in rows
    )
    return [line.rstrip() for line in lines]
