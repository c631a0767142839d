"""How much of a patch upstream has already."""

import pytest
from specroll.porting.shared_lines import count
from specroll.stack.patch import Patch

from testing.small_project import make_patch

BEFORE = "one = 1\n\ntwo = 2\n"
AFTER = "one = 1\nthree = 3\n\nif three:\n    (\n        four,\n    )\ntwo = 2\n"


def patch(before=BEFORE, after=AFTER):
    text = make_patch("[bugfix] Count", {"alpha/core.py": before}, {"alpha/core.py": after})
    return Patch.parse("0001-bugfix-count.patch", text.encode(), "alpha")


def counted(release):
    return count(patch(), {"alpha/core.py": BEFORE.encode()}.get, lambda path: release)


@pytest.mark.parametrize(
    ("release", "had"),
    [
        (None, 0),
        (BEFORE.encode(), 0),
        (AFTER.encode(), 3),
        (b"def f():\n    three = 3\n", 1),
        (b"two = 2\nfour,\n", 1),
    ],
)
def test_lines_that_say_something_count_wherever_they_are(release, had):
    assert counted(release) == (had, 3)


def test_what_was_there_before_does_not_count():
    """A line that the patch repeats."""
    again = patch(after=f"{BEFORE}one = 1\n")
    read = {"alpha/core.py": BEFORE.encode()}.get
    assert count(again, read, read) == (0, 0)
