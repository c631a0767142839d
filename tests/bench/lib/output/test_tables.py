"""How tables are laid out."""

import pytest

from bench.lib.output import tables


def test_numbers_stand_on_the_right():
    assert tables.table(["name", "n"], 1, [["a", "10"], ["long one", "2"]]).splitlines() == [
        "name       n",
        "a         10",
        "long one   2",
    ]


@pytest.mark.parametrize(
    ("value", "form", "text"), [(None, ".2f", "-"), (1.234, ".2f", "1.23"), (7, "", "7")]
)
def test_a_cell_without_a_value_has_a_dash(value, form, text):
    assert tables.cell(value, form) == text
