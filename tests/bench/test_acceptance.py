"""What is compared, at equal proposed tokens where a method holds back."""

import json

import pytest
from click.testing import CliRunner

from bench import acceptance
from bench.lib.samples import traces


def found(method, tokens_per_step, proposed_per_step=1.0, bar=None):
    return {
        "trace": "t",
        "scenario": "s",
        "num_speculative_tokens": 3,
        "method": method,
        "min_acceptance": bar,
        "tokens_per_step": tokens_per_step,
        "proposed_per_step": proposed_per_step,
        "acceptance_rate": 0.5,
    }


SWEEP = [found("sam", 2.0, 3.0, 0.0), found("sam", 1.8, 2.0, 0.1), found("sam", 1.4, 1.0, 0.2)]


@pytest.mark.parametrize(
    ("proposed", "expected"), [(1.0, 1.4), (1.5, 1.6), (2.5, 1.9), (9.0, 2.0), (0.9, None)]
)
def test_between_two_settings_lies_a_line(proposed, expected):
    assert acceptance.tokens_per_step_at(SWEEP, proposed) == pytest.approx(expected)


def test_automata_are_compared_without_a_bar_and_others_at_equal_proposals():
    runs = [*SWEEP, found("first occurrence", 1.9, 3.0), found("arctic", 1.6, 1.5)]
    ratios = {each["against"]: each for each in acceptance.comparisons(runs)}
    assert ratios["first occurrence"]["ratio"] == pytest.approx(2.0 / 1.9)
    assert ratios["first occurrence"]["target"] == 1.05
    assert ratios["arctic"]["ratio"] == pytest.approx(1.0)


def test_the_table_says_what_was_missed():
    compared = acceptance.comparisons([*SWEEP, found("ngram", 1.9), found("arctic", 1.0, 0.5)])
    ngram, arctic = acceptance.comparisons_table(compared).splitlines()[1:]
    assert "1.053" in ngram
    assert ngram.endswith("MISSED")
    assert "-" in arctic
    assert arctic.endswith("MISSED")


def test_methods_that_are_not_installed_are_left_out(monkeypatch):
    monkeypatch.setattr(acceptance.peers, "installed", lambda package: False)
    own = [name for name, _, _ in acceptance.methods(is_own=True)]
    assert own[:3] == ["first occurrence", "latest occurrence", "sam"]
    assert {name for name, _, _ in acceptance.methods(is_own=False)} == {"sam"}


def test_traces_from_end_to_end(letters, write_trace, tmp_path, monkeypatch):
    monkeypatch.setattr(acceptance.peers, "installed", lambda package: False)
    monkeypatch.setattr(acceptance, "DRAFT_LENGTHS", (3,))
    monkeypatch.setattr(acceptance, "MIN_ACCEPTANCES", (0.0, 0.2))
    samples = [f"A horse has 4 legs, a dog has 4 legs, {i} cats have many." for i in range(20)]
    rows = [{"prompt": f"Count the legs, {i}.", "samples": samples} for i in range(4)]
    folder = write_trace(list(traces.TRACES)[2], rows)
    target, plots = tmp_path / "found.json", tmp_path / "plots"
    command = ["--traces", str(folder), "--json", str(target), "--plots", str(plots)]
    result = CliRunner().invoke(acceptance.main, command, catch_exceptions=False)
    assert result.exit_code == 0
    written = json.loads(target.read_text())
    by_scenario = {
        run["scenario"]: run["tokens_per_step"]
        for run in written["runs"]
        if run["min_acceptance"] == 0.0
    }
    assert 1.2 < by_scenario["own"] < by_scenario["group after 16 samples"]
    for run in written["runs"]:
        assert sum(run["drafted_at"]) == run["proposed"]
        assert sum(run["accepted_at"]) == run["accepted"]
    assert {each["against"] for each in written["comparisons"]} == {
        "first occurrence",
        "latest occurrence",
    }
    assert len(list(plots.glob("*.png"))) == 3
