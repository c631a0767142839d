"""Options that are lists of different numbers."""

import click
import pytest

from bench.lib.input.number_lists import numbers


@pytest.mark.parametrize(("value", "found"), [(None, None), ("3", [3]), ("2,0,1", [2, 0, 1])])
def test_numbers_are_read_in_their_order(value, found):
    assert numbers("0,1,2", "seed")(None, None, value) == found


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("1,two", "'1,two' is not a list of numbers such as 0,1,2"),
        ("", "is not a list of numbers"),
        ("1,1", "every seed can be named only once"),
    ],
)
def test_what_is_no_list_of_different_numbers_is_refused(value, fault):
    with pytest.raises(click.BadParameter, match=fault):
        numbers("0,1,2", "seed")(None, None, value)


def test_numbers_below_the_least_are_refused():
    with pytest.raises(click.BadParameter, match="every batch must be at least 1"):
        numbers("1,16", "batch", least=1)(None, None, "4,0")
