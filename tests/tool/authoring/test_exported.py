"""What a scratch repository is exported as, read again."""

import pytest
from specroll.authoring import exported
from specroll.errors import PatchError
from specroll.stack.registry import Package, Part

from testing.small_project import UPSTREAM, make_patch

PACKAGE = Package("alpha", "1.0", {"base": Part((), ()), "slow": Part((), ())}, {})
PATCH = make_patch("[bugfix] First", UPSTREAM, {"alpha/core.py": "answer = 42\n"}).encode()


def test_a_part_that_no_patch_is_left_of_is_there():
    series = exported.series({"0001-bugfix-first.patch": PATCH}, PACKAGE)
    assert {part: len(each.patches) for part, each in series.items()} == {"base": 1, "slow": 0}


def test_a_commit_that_cannot_be_a_patch():
    with pytest.raises(PatchError, match="A commit in the scratch repository of alpha "):
        exported.series({"0001-bugfix-first.patch": b"no patch"}, PACKAGE)


def test_what_a_repository_notes():
    assert exported.origin({"gone.patch": None}) == b"None  gone.patch\n"
