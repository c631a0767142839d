"""The table of a rebase through several releases."""

from specroll.porting.finding import Finding
from specroll.porting.overview import table
from specroll.porting.session import OVERLAY, Cell, Session

PATCHES = (("0001-bugfix-one.patch", "c1"), ("cpu/0001-bugfix-slow.patch", "c2"))
SESSION = Session("alpha", "1", "1.0", ("1.1", "1.10"), PATCHES)
EYES = (Finding("look here"),)


def test_each_patch_at_each_release():
    session = SESSION
    for cell in (
        Cell("1.1", PATCHES[0][0], "carried", findings=EYES),
        Cell("1.1", PATCHES[1][0], "superfluous"),
        Cell("1.1", OVERLAY, "carried"),
        Cell("1.10", PATCHES[0][0], "conflict"),
    ):
        session = session.with_cell(cell)
    assert table(session) == (
        "alpha, * needs eyes   1.1          1.10\n"
        "0001-bugfix-one       carried*     conflict\n"
        "cpu/0001-bugfix-slow  superfluous  -"
    )


def test_the_overlay_has_a_line_where_it_needs_eyes():
    session = SESSION.with_cell(Cell("1.1", OVERLAY, "carried", findings=EYES))
    assert table(session).endswith("\noverlay               carried*  -")
