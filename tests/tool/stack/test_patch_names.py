"""What people call a patch."""

import pytest
from specroll.stack.patch_names import is_named

PATH = "alpha/cpu/0001-bugfix-slow.patch"


@pytest.mark.parametrize(
    "text",
    [
        PATH,
        "cpu/0001-bugfix-slow.patch",
        "0001-bugfix-slow.patch",
        "0001-bugfix-slow",
        "bugfix-slow",
    ],
)
def test_it_may_go_without_folders_number_and_suffix(text):
    assert is_named(PATH, text)


@pytest.mark.parametrize(
    "text", ["slow", "slow.patch", "beta/cpu/0001-bugfix-slow.patch", "pu/0001", ""]
)
def test_other_words_name_another(text):
    assert not is_named(PATH, text)
