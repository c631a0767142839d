"""What is assumed of clusters, and what would have to be true."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from planner import __main__ as command
from planner import published_gains
from planner.acceptance_profile import AcceptanceProfile
from planner.answer_lengths import LogNormal
from planner.cost_model import Roofline
from planner.published_gains import Case, Published

SMALL = Case(
    Published(2, 3, engines=2, max_num_seqs=8, none_seconds=2000.0, sam_seconds=1600.0),
    LogNormal(median=100, sigma=0.5, longest=400, prompts=4, group=4),
    Roofline(dense_parameters=50, kv_bytes_per_token=1, flop_per_second=1e4, bytes_per_second=1e3),
    AcceptanceProfile([1.0] * 4, [0.5, 0.3, 0.2, 0.1]),
)


def test_the_time_without_speculation_is_the_published_one():
    assert SMALL.cost.step_overhead > 0
    assert SMALL.none.mean_seconds == pytest.approx(2000)


def test_what_would_have_to_be_true():
    assert SMALL.published.x_none == 1.25
    assert SMALL.published.tail_share == pytest.approx(0.2 / (1 - 1 / 1.35))
    found = SMALL.found()
    saved = found["tail_share"] * (1 - 1 / found["tail_x_none"])
    assert 1 - 1 / found["x_none"] == pytest.approx(saved, abs=0.01)
    assert found["tail_share"] * (1 - 1 / found["tail_x_needed"]) == pytest.approx(0.2)
    more = replace(SMALL, published=replace(SMALL.published, sam_seconds=1.0))
    assert more.found()["tail_x_needed"] is None
    table = published_gains.cases_table({"more": more}, {"more": more.found()})
    assert table.splitlines()[1].split()[-1] == "-"


def test_sizes_that_take_longer_than_published():
    faster = replace(SMALL, published=replace(SMALL.published, none_seconds=1.0))
    with pytest.raises(
        ValueError, match="without any overhead, which is more than the published 1 s"
    ):
        faster.found()


def test_the_inputs_of_all_cases_can_be_read():
    for name in published_gains.CASES:
        case = published_gains.case(name)
        assert case.lengths.longest == 34816
        assert "source" in json.loads((published_gains.FOLDER / name / "cost.json").read_text())
        assert len(published_gains.variants(case)) > 10


@pytest.fixture
def small_cases(monkeypatch):
    monkeypatch.setattr(published_gains, "CASES", ("one", "other"))
    monkeypatch.setattr(published_gains, "case", lambda name: SMALL)


def test_the_command(small_cases, tmp_path):
    target, picture = tmp_path / "found.json", tmp_path / "gains.png"
    outcome = CliRunner().invoke(
        published_gains.main, ["--json", str(target), "--plot", str(picture)]
    )
    assert outcome.exit_code == 0, outcome.output
    lines = outcome.stdout.splitlines()
    assert lines[1].split()[:2] == ["one", "1.250"]
    assert len(lines) == 3 + 1 + 1 + len(published_gains.variants(SMALL))
    assert json.loads(target.read_text())["predicted"]["other"]["as assumed"]["x_none"] > 1
    assert picture.exists()


def test_json_on_standard_output_is_alone_there(small_cases):
    outcome = CliRunner().invoke(published_gains.main, ["--json", "-"])
    assert list(json.loads(outcome.stdout)["predicted"]) == ["one", "other"]
    assert "as assumed" in outcome.stderr


def test_the_command_names_what_cannot_be(small_cases, monkeypatch):
    faster = replace(SMALL, published=replace(SMALL.published, none_seconds=1.0))
    monkeypatch.setattr(published_gains, "case", lambda name: faster)
    outcome = CliRunner().invoke(published_gains.main, [])
    assert outcome.exit_code == 1
    assert "Error: one, as assumed: the rollout takes" in outcome.stderr


def test_the_planner_takes_the_inputs():
    folder = published_gains.FOLDER
    case = folder / "qwen3_32b"
    inputs = ["--answers", case / "answers.json", "--cost", case / "cost.json"]
    inputs += ["--acceptance", folder / "acceptance" / "sky_own.json"]
    grid = ["--engines", 4, "--max-num-seqs", 128, "--thresholds", 8, "--draft-lengths", 3]
    outcome = CliRunner().invoke(command.main, [str(word) for word in (*inputs, *grid)])
    assert outcome.exit_code == 0, outcome.output
    assert "Recommended" in outcome.stdout
