"""Every line of a derivation is right, and so is where it ends."""

import re

import pytest

from demo.model import derivations

STATEMENT = re.compile(r"(-?\d+) ([-+x]) (-?\d+) = (-?\d+)")
OPERATIONS = {"+": int.__add__, "-": int.__sub__, "x": int.__mul__}


def answer(solution):
    return re.fullmatch(r"The answer is (.*)\.", solution.splitlines()[-1])[1]


def assert_arithmetic_right(solution):
    statements = STATEMENT.findall(solution)
    assert statements
    for left, sign, right, outcome in statements:
        assert OPERATIONS[sign](int(left), int(right)) == int(outcome)


@pytest.mark.parametrize(
    ("expression", "total"),
    [("57 + 87 - 70", 74), ("10 - 99 + 5", -84), ("31 + 0 - 200", -169), ("12 + 305 + 40", 357)],
)
def test_running_sum(expression, total):
    solution = derivations.running_sum(expression)
    assert_arithmetic_right(solution)
    assert answer(solution) == str(total)


def test_running_sum_carries_the_total_from_line_to_line():
    assert derivations.running_sum("57 + 26").splitlines() == [
        "We start with 57.",
        "Add 26: 57 + 20 = 77, 77 + 6 = 83. Now 57 + 26 = 83.",
        "The answer is 83.",
    ]


@pytest.mark.parametrize(
    ("direction", "expected"), [("ascending", "1, 3, 3, 9"), ("descending", "9, 3, 3, 1")]
)
def test_selection_sort(direction, expected):
    solution = derivations.selection_sort([3, 9, 1, 3], direction)
    assert answer(solution) == expected
    assert len(solution.splitlines()) == 5


def test_letter_tally_counts_either_case():
    solution = derivations.letter_tally(["Essence", "of", "tea"], "e")
    assert solution.splitlines() == [
        "Essence is E s s e n c e and has 3 e, so the count is now 3.",
        "of is o f and has no e, so the count stays 3.",
        "tea is t e a and has 1 e, so the count is now 4.",
        "The answer is 4.",
    ]


def test_leg_count():
    animals = {"dog": 3, "snake": 2, "bee": 5}
    solution = derivations.leg_count(animals, {"dog": 4, "snake": 0, "bee": 6})
    assert_arithmetic_right(solution)
    assert answer(solution) == "42"
    assert "One snake has 0 legs, 2 of them: nothing to add and the total is still 12." in solution


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("keep_larger", "7, 9"),
        ("keep_smaller", "2"),
        ("remove_larger", "5, 2"),
        ("remove_smaller", "7, 5, 9"),
    ],
)
def test_filtering(operation, expected):
    assert answer(derivations.filtering([7, 5, 2, 9], operation, 5)) == expected


def test_filtering_that_keeps_nothing():
    assert answer(derivations.filtering([7, 5], "keep_larger", 10)) == "none"
