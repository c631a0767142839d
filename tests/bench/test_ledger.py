"""The command that reads ledgers of steps."""

import json
from dataclasses import asdict, replace

import pytest
from click.testing import CliRunner
from specroll_speculation.ledger import Ledger, LedgerStep

from bench.ledger import main
from bench.lib.measures.ledgers import differences, milliseconds, read_steps, reason

STEP = LedgerStep(
    step=0,
    began_s=0.5,
    runner=2,
    async_scheduling=True,
    graph="FULL",
    padded_tokens=8,
    padded_requests=8,
    requests=6,
    tokens=6,
    accepted_tokens=0,
    sampled_tokens=6,
)
DRAFTED = replace(
    STEP, step=1, requests=2, tokens=8, drafted_requests=2, draft_room=6, draft_tokens=6
)


def write(folder, steps):
    ledger = Ledger(str(folder))
    for step in steps:
        ledger.add(step)
    return folder


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_steps_are_written_once_their_times_are_known(tmp_path):
    times = iter([None, None, 1.5])
    ledger = Ledger(str(tmp_path))
    ledger.add(replace(STEP), lambda: next(times))
    assert ledger.path.read_text() == ""
    ledger.add(replace(DRAFTED))
    assert ledger.path.read_text() == ""
    ledger.add(replace(STEP, step=2))
    first, second, third = read_steps(tmp_path)
    assert (first.device_ms, second, third.step) == (1.5, DRAFTED, 2)


def test_equal_crowds_are_equal(tmp_path):
    plain = write(tmp_path / "none", [STEP, replace(DRAFTED, tokens=2, padded_tokens=2)])
    sam = write(tmp_path / "sam", [STEP, DRAFTED])
    result = run(plain, sam, "--threshold", 4)
    assert result.exit_code == 0
    assert "above the threshold 1 of 1 steps are equal" in result.output


@pytest.mark.parametrize(
    "change",
    [
        {"graph": "PIECEWISE"},
        {"padded_tokens": 16},
        {"padded_requests": 16},
        {"waits": 1},
        {"runner": 1},
        {"async_scheduling": False},
        {"tokens": 7},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_crowd_that_differs_is_told(tmp_path, change):
    plain = write(tmp_path / "none", [STEP])
    sam = write(tmp_path / "sam", [replace(STEP, **change)])
    result = run(plain, sam, "--threshold", 4, "--json", tmp_path / "found.json")
    assert result.exit_code == 1
    assert "above the threshold 0 of 1 steps are equal" in result.output
    (difference,) = json.loads((tmp_path / "found.json").read_text())["differing"]
    ((name, value),) = change.items()
    assert difference["drafting"][name] == value != difference["plain"][name]


def test_a_step_that_is_missing_differs():
    (difference,) = differences([STEP, STEP], [STEP], threshold=4)
    assert (difference.step, difference.drafting) == (1, None)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"tokens": 30}, "with prompts"),
        ({"tokens": 7, "draft_tokens": 5}, "ragged drafts"),
        ({"tokens": 6, "draft_tokens": 4, "drafted_requests": 1}, "ragged drafts"),
        ({}, "no graph of that size"),
    ],
)
def test_why_there_is_no_full_graph(change, expected):
    assert reason(replace(DRAFTED, graph="PIECEWISE", **change)) == expected


def test_one_ledger_is_described(tmp_path):
    ragged = replace(DRAFTED, graph="PIECEWISE", tokens=7, draft_tokens=5)
    result = run(write(tmp_path, [STEP, DRAFTED, ragged]), "--threshold", 4)
    assert result.exit_code == 0
    assert "1 steps with drafts had no full graph: ragged drafts" in result.output


@pytest.mark.parametrize(
    "line", ["", "no JSON", "[]", '{"step": 0}', json.dumps({**asdict(STEP), "more": 1})]
)
def test_what_is_no_ledger_is_refused(tmp_path, line):
    (tmp_path / "steps-1.jsonl").write_text(json.dumps(asdict(STEP)) + "\n" + line + "\n")
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "steps-1.jsonl, line 2: is no step of a ledger." in result.output


def test_a_folder_without_a_ledger_is_refused(tmp_path):
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "holds no steps-*.jsonl: is it a ledger's folder?" in result.output


def test_the_time_of_a_step_lasts_to_the_next(tmp_path):
    steps = [replace(STEP, step=i, began_s=began) for i, began in enumerate([0.5, 0.51, 0.53])]
    assert milliseconds(steps) == pytest.approx(15)
    assert milliseconds([steps[0], steps[2]]) is None


def test_three_ledgers_are_refused(tmp_path):
    result = run(tmp_path, tmp_path, tmp_path)
    assert result.exit_code == 2
    assert "Name one folder, or two to compare." in result.output
