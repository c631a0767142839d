"""Grids, recommendations, and the command."""

import json

import pytest
from click.testing import CliRunner

from bench.lib.engines.methods import THRESHOLD_VARIABLE
from planner import __main__ as command
from planner import predictions
from planner.acceptance_profile import AcceptanceProfile
from planner.cost_model import LinearCost
from planner.predictions import Cluster
from planner.simulation import EngineShape, Speculation

CHEAP = LinearCost(step=1.0, draft_token=0.001)
DEAR = LinearCost(step=1.0, draft_token=1.0)
MODE = command.OLD_MODE
GROUPS = [[50, 40, 10, 5], [5, 5, 5, 5]]
PROFILE = AcceptanceProfile([1.0, 1.0], [0.5, 0.25])


def predicted(cost, *settings, engines=1):
    cluster = Cluster(cost, EngineShape(8), engines)
    none = cluster.rollout(GROUPS)
    return none, [
        predictions.prediction(cluster, GROUPS, none, Speculation(t, PROFILE.limited(k)))
        for t, k in settings
    ]


def test_a_prediction_says_what_a_setting_brings():
    none, [found] = predicted(LinearCost(1.0), (2, 2))
    # Up to the tenth token more than two run; then 40 - 10 tokens at 1.75 a step, and 10 - 1.5
    # beyond these.
    assert none.seconds == 50
    assert found.seconds == 10 + 18 + 5
    assert found.x_none == pytest.approx(50 / 33)
    assert found.saved == pytest.approx(17 / 50)
    assert found.tail_seconds == 23
    assert found.tail_x_none == pytest.approx(40 / 23)


def test_engines_share_the_groups():
    none, [found] = predicted(LinearCost(1.0), (2, 2), engines=2)
    assert (none.seconds, none.mean_seconds) == (50, (50 + 5) / 2)
    assert found.mean_x_none == pytest.approx((50 + 5) / (33 + 5))
    assert none.tail_seconds(2) == (40 + 0) / 2


def test_the_fastest_is_recommended_unless_it_gains_nothing():
    _, cheap = predicted(CHEAP, (1, 1), (1, 2), (4, 2))
    best = predictions.recommended(cheap)
    assert (best.threshold, best.num_speculative_tokens) == (4, 2)
    _, dear = predicted(DEAR, (1, 1), (4, 2), (0, 2))
    assert predictions.recommended(dear) is None


def test_a_tail_that_never_comes():
    cluster = Cluster(CHEAP, EngineShape(8))
    together = [[9, 9, 9]]
    none = cluster.rollout(together)
    found = predictions.prediction(cluster, together, none, Speculation(2, PROFILE))
    assert found.tail_seconds == 0
    assert found.tail_x_none == found.x_none == 1


@pytest.fixture
def run(tmp_path):
    """Return a function that writes the inputs and runs the command on them."""

    def run(*options, cost=CHEAP, profile=PROFILE):
        (tmp_path / "lengths.txt").write_text("\n".join(str(n) for g in GROUPS for n in g))
        (tmp_path / "cost.json").write_text(json.dumps({"kind": "linear", **vars(cost)}))
        (tmp_path / "acceptance.json").write_text(json.dumps(vars(profile)))
        given = [
            "--answers",
            "lengths.txt",
            "--cost",
            "cost.json",
            "--acceptance",
            "acceptance.json",
        ]
        given[1::2] = [str(tmp_path / name) for name in given[1::2]]
        grid = ["--thresholds", "0,2", "--group", "4"]
        return CliRunner().invoke(command.main, [*given, *grid, *options])

    return run


def test_the_command(run, tmp_path):
    outcome = run("--json", str(tmp_path / "plan.json"), "--plot", str(tmp_path / "plan.svg"))
    assert outcome.exit_code == 0, outcome.output
    lines = outcome.stdout.splitlines()
    assert lines[1].split()[0] == "none"
    assert [line.split()[-6] for line in lines[2:6]] == ["1", "2", "1", "2"]
    assert f"num_speculative_tokens=2 and {THRESHOLD_VARIABLE}=0" in lines[-2]
    assert lines[-1].startswith("As engines with a drafter are by before_graphs.json, it takes ")
    found = json.loads((tmp_path / "plan.json").read_text())
    assert (found["answers"], found["tokens"], found["longest"]) == (8, 125, 50)
    assert [each["threshold"] for each in found["predictions"]] == [0, 0, 2, 2]
    assert found["recommended"]["seconds"] < found["none"]["seconds"] == 50
    assert found["recommended"]["seconds"] < found["old_mode"]["seconds"]
    assert found["mode"] == {"host": 0.0, "plain_graph": 0.0, "draft_graph": 0.0}
    assert (tmp_path / "plan.svg").exists()


def test_json_on_standard_output_is_alone_there(run):
    outcome = run("--json", "-")
    assert json.loads(outcome.stdout)["recommended"]["threshold"] == 0
    assert "Recommended: num_speculative_tokens=2" in outcome.stderr


def test_what_an_engine_loses_can_be_given(run, tmp_path):
    (tmp_path / "mode.json").write_text('{"host": 1.0, "source": "an example"}')
    outcome = run("--mode", str(tmp_path / "mode.json"), "--json", "-")
    assert "Recommended: no speculation" in outcome.stderr
    assert json.loads(outcome.stdout)["old_mode"] is None


def test_none_can_be_recommended(run, tmp_path):
    outcome = run("--json", str(tmp_path / "plan.json"), cost=DEAR)
    assert "Recommended: no speculation" in outcome.stdout
    assert json.loads((tmp_path / "plan.json").read_text())["recommended"] is None


@pytest.mark.parametrize("step", [0.0, 1e308])
def test_a_cost_of_nothing_or_too_much(run, step):
    outcome = run(cost=LinearCost(step))
    assert outcome.exit_code == 2
    seconds = "inf" if step else "0.0"
    assert f"cost.json: by these costs the rollout takes {seconds} s" in outcome.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--thresholds", "1,x"], "'1,x' is not a list of numbers"),
        (["--thresholds", "1,1"], "every number can be named only once"),
        (["--draft-lengths", "0"], "must be from 1 to 2"),
        (["--draft-lengths", "3"], "must be from 1 to 2"),
        (["--samples", "sky, own"], "is one profile"),
        (["--step", "3"], "lengths.txt is a file"),
        (["--answers", "nowhere.txt"], "does not exist"),
        (["--engines", "0"], "0 is not in the range"),
        (["--mode", str(MODE), "--ledgers", ".", "."], "--mode and --ledgers say the same"),
    ],
)
def test_bad_options(run, options, sentence):
    outcome = run(*options)
    assert outcome.exit_code == 2
    assert sentence in outcome.stderr


def test_a_folder_without_a_ledger(run, tmp_path):
    outcome = run("--ledgers", str(tmp_path), str(tmp_path))
    assert outcome.exit_code == 1
    assert "holds no steps-*.jsonl: is it a ledger's folder?" in outcome.stderr
