"""What steps cost in graphs, as users and measurements say it."""

import json

import pytest
from specroll_speculation.step_costs import StepCosts

COSTS = StepCosts("these tests", whole={4: 9.0, 16: 10.0}, ragged={4: 9.5, 8: 9.9, 16: 11.0})


@pytest.mark.parametrize(
    ("num_requests", "num_draft_tokens", "expected"),
    [
        (1, 1, True),
        (2, 4, False),  # 10.0 for sixteen tokens, 9.9 for eight
        (2, 7, True),
        (4, 4, False),
        (4, 5, True),
        (5, 1, False),  # no graph holds five whole drafts
    ],
)
def test_the_cheaper_one_is_taken(num_requests, num_draft_tokens, expected):
    assert COSTS.fills_up(num_requests, num_draft_tokens, longest=3) is expected


def test_what_has_no_graph_is_not_taken():
    assert StepCosts("", {8: 99.0}, {}).fills_up(2, 1, longest=3)
    assert not StepCosts("", {}, {8: 99.0}).fills_up(2, 1, longest=3)
    assert not StepCosts("", {}, {}).fills_up(2, 1, longest=3)


def test_costs_are_read_in_the_order_of_sizes(tmp_path):
    file = tmp_path / "costs.json"
    file.write_text(json.dumps({"whole": {"16": 10, "4": 9}, "ragged": {"8": 9.5}, "more": 1}))
    costs = StepCosts.read(str(file))
    assert costs == StepCosts(str(file), {4: 9.0, 16: 10.0}, {8: 9.5})
    assert list(costs.whole) == [4, 16]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"whole": {}}',
        '{"whole": [], "ragged": {}}',
        '{"whole": {"four": 1}, "ragged": {}}',
        '{"whole": {"4": "long"}, "ragged": {}}',
        '{"whole": {"4": null}, "ragged": {}}',
        '{"whole": {"0": 1.0}, "ragged": {}}',
        '{"whole": {"4": 0}, "ragged": {}}',
        '{"whole": {"4": NaN}, "ragged": {}}',
    ],
)
def test_other_files_are_refused(tmp_path, text):
    file = tmp_path / "costs.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"costs\.json must be a JSON object with"):
        StepCosts.read(str(file))


def test_a_missing_file_is_refused():
    with pytest.raises(ValueError, match=r"step costs in none\.json cannot be read: No such file"):
        StepCosts.read("none.json")
