"""The benchmarks of the Ascend half, on a small grid."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import ascend, rejection
from testing.registry import Stack, stacks_with

CELL = {"vocabulary": 151_936, "batch": 256, "drafts": 3}


def timed(sampler, part, ms, times_ours, **cell):
    return {**CELL, **cell, "sampler": sampler, "part": part, "ms": ms, "times_ours": times_ours}


def test_rejection(tmp_path, monkeypatch):
    monkeypatch.setattr(rejection, "SECONDS_PER_PART", 0.0)
    monkeypatch.setattr(rejection, "QUICK_BATCHES", (1, 4))
    output, plots = tmp_path / "found.json", tmp_path / "plots"
    options = ["--quick", "--json", str(output), "--plots", str(plots)]
    result = CliRunner().invoke(rejection.main, options)
    assert result.exit_code == 0, result.output
    assert "never on Ascend hardware" in result.output
    found = json.loads(output.read_text())
    samplers = {"ours", *(stack.release("vllm_ascend") for stack in stacks_with("vllm_ascend"))}
    assert {run["sampler"] for run in found["times"]} == samplers
    assert {run["sampler"] for run in found["counts"]} == samplers
    assert all(run["ms"] > 0 for run in found["times"])
    met = {each["what"]: each["is_met"] for each in found["targets"]}
    assert met["synchronisations of ours"]
    assert all(met[f"{part}: different numbers of dispatches of ours"] for part in rejection.PARTS)
    assert list(plots.iterdir())


def test_upstreams_waits_are_seen():
    """What counts nothing of ours counts something of the oldest release, which does wait."""
    oldest = stacks_with("vllm_ascend")[0].release("vllm_ascend")
    found = [run for run in rejection.count(4, 3) if run["sampler"] == oldest]
    assert found
    assert all(run["synchronisations"] > 0 for run in found)


@pytest.fixture
def releases(monkeypatch):
    """Two releases of one series; the first has targets."""
    speedups = {"acceptance": 20.0, "recovered": 2.5}
    made = {
        "1.0.0": Stack("alpha", Path(), {"ci": {"rejection_speedups": speedups}}),
        "1.0.1": Stack("beta", Path(), {}),
    }
    monkeypatch.setattr(rejection, "RELEASES", made)


def test_speed_targets(releases):
    times = [
        timed("1.0.0", "acceptance", 5.0, 19.9),
        timed("1.0.0", "recovered", 5.0, 2.5),
        timed("1.0.1", "recovered", 5.0, 2.0),
    ]
    found = {each["what"]: each["is_met"] for each in rejection.speed_targets(times)}
    assert found == {
        "acceptance: times faster than 1.0.0": False,
        "recovered: times faster than 1.0.0": True,
    }


def test_a_batch_of_one_is_compared_as_a_whole(releases):
    one = {"vocabulary": 1_000, "batch": 1}
    times = [
        timed("ours", "acceptance", 2.0, 1.0, **one),
        timed("ours", "recovered", 1.0, 1.0, **one),
        timed("1.0.0", "acceptance", 1.0, 0.5, **one),
        timed("1.0.0", "recovered", 1.0, 1.0, **one),
        timed("1.0.1", "acceptance", 4.0, 2.0, **one),
    ]
    found = list(rejection.batch_of_one_targets(times))
    assert [(each["what"], each["value"], each["is_met"]) for each in found] == [
        ("all parts: times as long as 1.0.0", 1.5, True),
        ("all parts: times as long as 1.0.1", 0.75, True),
    ]


def test_times_have_columns_for_each_release(releases):
    samplers = {"ours": (2.0, 1.0), "1.0.0": (3.0, 1.5), "1.0.1": (4.0, 2.25)}
    table = rejection.times_table([timed(name, "greedy", *at) for name, at in samplers.items()])
    header, *_, row = table.splitlines()
    columns = ["ours ms", "1.0.0 ms", "1.0.1 ms", "1.0.0 / ours", "1.0.1 / ours"]
    assert header.split("drafts")[1].split() == " ".join(columns).split()
    assert row.split()[4:] == ["2.000", "3.000", "4.000", "1.50", "2.25"]


def test_engines(tmp_path, monkeypatch):
    monkeypatch.setattr(ascend, "SITUATIONS", ascend.SITUATIONS[-1:])
    monkeypatch.setattr(ascend, "METHODS", ("sam",))
    output = tmp_path / "found.json"
    result = CliRunner().invoke(ascend.main, ["--json", str(output)])
    assert result.exit_code == 0, result.output
    (run,) = json.loads(output.read_text())["runs"]
    assert run["equals_cpu"]
    assert run["num_drafted"] >= run["num_accepted"] > 0
    assert run["num_tokens"] > run["num_steps"] > 0
    assert run["dispatches"] > run["synchronisations"] > 0


def test_an_engine_that_does_not_start(monkeypatch):
    monkeypatch.setattr(ascend, "ARGUMENTS", {**ascend.ARGUMENTS, "max_model_len": 0})
    result = CliRunner().invoke(ascend.main, [])
    assert result.exit_code == 1
    assert "stopped with exit code" in str(result.output) + str(result.exception)


def test_tokens_that_differ_are_said():
    run = ascend.Run([[1, 2]], 2, 0, 0, 0, 10, 1)
    situation = ascend.Situation("one")
    expected = [[1, 3]] + [[]] * (len(ascend.PROMPT_LENGTHS) - 1)
    summary = ascend.summary(run, "none", situation, expected)
    assert not summary["equals_cpu"]
    assert "NO" in ascend.runs_table([summary])
