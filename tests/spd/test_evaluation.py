"""Stops, policies and measures, on drafts whose outcomes are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spd import policies
from spd.evaluation import evaluation
from spd.evaluation_table import table
from spd.measures import EXACT, measured, prompt_numbers
from spd.rows import RowError
from spd.stops import Stops

from testing.scorer_rows import make_row

# Tokens of the examples: 0 to 9 are digits, the others letters.
TEXT = "0123456789abcdefghij".__getitem__


# Mismatches at 1 (harmless, letters) and 3 (harmful, digits).
TYPICAL = make_row([11, 12, 1, 2, 13], [11, 14, 1, 3, 13], [True, True, False])
# A digit for a letter, harmless; then one that nobody can judge.
HARMLESS_DIGIT = make_row([1, 15, 16], [15, 15, 17], [True, True, True], context=[10, 11])
# Wrong from the start; the second mismatch is not judgeable, the first puts it right.
MENDED = make_row([11, 12], [13, 13], [False, True, False], context=[10, 11])
# The draft is the target's text.
EQUAL = make_row([11, 12, 13], [11, 12, 13], [True], context=[10, 12])
ROWS = [TYPICAL, HARMLESS_DIGIT, MENDED, EQUAL]


@st.composite
def drawn_rows(draw):
    rows = []
    for _ in range(draw(st.integers(1, 6))):
        size = draw(st.integers(1, 8))
        tokens = st.lists(st.integers(0, 19), min_size=size, max_size=size)
        draft, target = draw(tokens), draw(tokens)
        count = sum(a != b for a, b in zip(draft, target, strict=True)) + 1
        outcomes = draw(st.lists(st.booleans(), min_size=count, max_size=count))
        rows.append(make_row(draft, target, outcomes, context=[draw(st.integers(0, 3))]))
    return rows


@st.composite
def scored_rows(draw):
    rows = draw(drawn_rows())
    scores = st.floats(0, 1, width=32)
    sizes = [len(row.draft) for row in rows]
    return rows, [
        np.array(draw(st.lists(scores, min_size=size, max_size=size)), np.float32) for size in sizes
    ]


def constant(rows, value):
    return [np.full(len(row.draft), value, np.float32) for row in rows]


def found_in(rows, probabilities, threshold=0.5):
    return evaluation(Stops.of(rows), probabilities, threshold, TEXT)


def without_threshold(each):
    return {name: value for name, value in each.items() if name != "threshold"}


def test_stops_lie_side_by_side_filled_up_with_the_last():
    stops = Stops.of(ROWS)
    assert stops.lengths.tolist() == [[1, 3, 5], [0, 2, 3], [0, 1, 2], [3, 3, 3]]
    assert stops.right.tolist() == [[1, 1, 0], [1, 1, 1], [0, 1, 0], [1, 1, 1]]
    assert stops.is_mismatch.tolist() == [[1, 1], [1, 1], [1, 1], [0, 0]]
    assert stops.harmless.tolist() == [[1, 0], [1, 1], [0, 0], [0, 0]]
    assert stops.harmful.tolist() == [[0, 1], [0, 0], [0, 1], [0, 0]]


def test_known_drafts_give_known_figures():
    found = found_in(ROWS, [np.array([1, 0.7, 1, 0.2, 1]), *constant(ROWS[1:], 0.6)])
    assert found["mismatches"] == {"all": 6, "harmless": 3, "harmful": 2}
    assert (found["rows"], found["prompts"]) == (4, 3)
    lengths = {name: each["accepted_len"] for name, each in found["baselines"].items()}
    assert lengths == {
        "reject_all": (1 + 0 + 0 + 3) / 4,
        "accept_all": (5 + 3 + 2 + 3) / 4,
        "digit_rule": (3 + 0 + 2 + 3) / 4,
        "oracle": (3 + 3 + 1 + 3) / 4,
    }
    accuracies = {name: each["accuracy"] for name, each in found["baselines"].items()}
    assert accuracies == {"reject_all": 0.75, "accept_all": 0.5, "digit_rule": 0.75, "oracle": 1.0}
    scorer = found["scorer"]
    assert (scorer["accepted_len"], scorer["accuracy"]) == ((3 + 3 + 2 + 3) / 4, 0.75)
    assert (scorer["accept_harmless"], scorer["accept_harmful"]) == (1.0, 0.5)
    assert scorer["length_ratio"] == 11 / 4
    assert scorer["accuracy_difference"] == 0.0


def test_rates_over_reached_mismatches_leave_out_what_a_rejection_hides():
    stops = Stops.of([TYPICAL])
    rejects_the_first = np.array([[False, True]])
    exact = policies.reject_all(stops)
    found = measured(stops, {EXACT: exact, "it": rejects_the_first}, np.array([0]))["it"]
    assert (found["accept_harmful"], found["harmful_reached"]) == (1.0, 0)
    assert found["accept_harmful_reached"] is None
    assert (found["accept_harmless_reached"], found["harmless_reached"]) == (0.0, 1)


@settings(deadline=None)
@given(drawn_rows())
def test_a_scorer_sure_of_everything_is_accept_all_and_one_sure_of_nothing_is_exact(rows):
    accepting, rejecting = (found_in(rows, constant(rows, value)) for value in (1.0, 0.0))
    assert without_threshold(accepting["scorer"]) == accepting["baselines"]["accept_all"]
    assert without_threshold(rejecting["scorer"]) == rejecting["exact"]
    assert rejecting["baselines"]["reject_all"] == rejecting["exact"]


@settings(deadline=None)
@given(scored_rows())
def test_every_policy_accepts_between_exact_match_and_everything(scored):
    found = found_in(*scored)
    least = found["exact"]["accepted_len"]
    most = found["baselines"]["accept_all"]["accepted_len"]
    for each in (*found["baselines"].values(), *found["thresholds"]):
        assert least <= each["accepted_len"] <= most


@settings(deadline=None)
@given(scored_rows())
def test_a_higher_threshold_never_accepts_more(scored):
    found = found_in(*scored)["thresholds"]
    for name in ("accepted_len", "accept_harmless", "accept_harmful"):
        values = [each[name] for each in found if each[name] is not None]
        assert values == sorted(values, reverse=True)


@settings(deadline=None)
@given(drawn_rows())
def test_the_oracle_is_right_wherever_exact_match_is(rows):
    stops = Stops.of(rows)
    right = {}
    for policy in (policies.oracle, policies.reject_all):
        ends = stops.first_rejection(policy(stops))
        right[policy] = stops.right[np.arange(len(rows)), ends]
    assert (right[policies.oracle] >= right[policies.reject_all]).all()


@settings(deadline=None)
@given(scored_rows())
def test_measures_agree_with_a_plain_walk_along_each_draft(scored):
    rows, probabilities = scored
    found = found_in(rows, probabilities)["scorer"]
    walks = [walk(row, scores > 0.5) for row, scores in zip(rows, probabilities, strict=True)]
    assert found["accepted_len"] == pytest.approx(np.mean([length for length, _ in walks]))
    assert found["accuracy"] == pytest.approx(np.mean([right for _, right in walks]))


def walk(row, accepts):
    """Accepted length and outcome, token by token."""
    mismatches = 0
    for position, (draft, target) in enumerate(zip(row.draft, row.target, strict=True)):
        if draft != target:
            if not accepts[position]:
                return position, row.outcomes[mismatches]
            mismatches += 1
    return len(row.draft), row.outcomes[mismatches]


def test_intervals_hold_the_value_and_narrow_with_more_prompts():
    widths = []
    for count in (20, 2000):
        rows = [
            make_row(TYPICAL.draft, TYPICAL.target, [True, True, i % 5 > 0], context=[i])
            for i in range(count)
        ]
        found = found_in(rows, constant(rows, 1.0))["scorer"]
        low, high = found["accuracy_difference_interval"]
        assert low <= found["accuracy_difference"] == -0.2 <= high
        assert found["length_ratio_interval"] == [5.0, 5.0]
        widths.append(high - low)
    assert widths[0] > 5 * widths[1] > 0


def test_rows_of_one_prompt_are_drawn_together():
    """Copies of a row under its own context are no new evidence."""
    rows = [
        make_row(TYPICAL.draft, TYPICAL.target, [True, True, i % 2 > 0], context=[i])
        for i in range(10)
    ]
    once, often = (found_in(each, constant(each, 1.0))["scorer"] for each in (rows, rows * 20))
    assert often["accuracy_difference_interval"] == pytest.approx(
        once["accuracy_difference_interval"]
    )


def test_where_exact_match_accepts_nothing_there_is_no_ratio():
    found = found_in([MENDED], constant([MENDED], 1.0))
    assert found["scorer"]["length_ratio"] is None
    assert found["scorer"]["length_ratio_interval"] is None
    assert "-" in table(found)


def test_drafts_without_a_mismatch_count_and_have_no_rates():
    found = found_in([EQUAL], constant([EQUAL], 0.0))
    assert found["exact"]["accepted_len"] == 3.0
    assert found["scorer"]["accept_harmless"] is None
    assert found["scorer"]["accept_harmful"] is None


def test_the_report_names_every_policy():
    text = table(found_in(ROWS, constant(ROWS, 0.5), threshold=0.25))
    assert text.startswith("4 rows of 3 prompts; 6 mismatches, of which 3 are harmless and 2 harm")
    names = [line.partition("  ")[0] for line in text.splitlines()[3:]]
    assert names[:5] == ["exact", "reject all", "accept all", "digit rule", "oracle"]
    assert names[7] == "scorer > 0.25"


def test_prompts_are_numbered_by_context():
    assert prompt_numbers(ROWS).tolist() == [0, 1, 1, 2]


def test_rows_without_outcomes_are_refused():
    bare = make_row([1], [1], None, place="a.parquet, row 7")
    with pytest.raises(RowError, match=r"a\.parquet, row 7: no outcomes: prepare .* --outcomes"):
        Stops.of([TYPICAL, bare])


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="no rows"):
        Stops.of([])


def test_a_value_must_be_there_for_each_position():
    with pytest.raises(ValueError, match="one value for each position"):
        policies.scorer(Stops.of([TYPICAL]), [np.ones(4)], 0.5)
