"""The benchmark of the scorer, with commands that do nothing but write what they were asked for."""

import json

import pytest
from click.testing import CliRunner

from bench import scorer
from bench.lib.scorer import figures
from bench.lib.scorer.commands import CommandError, run_once
from demo import scorer_tasks

COMMANDS = """
import json, pathlib, sys

name, *arguments = sys.argv[1:]
value = lambda option: pathlib.Path(arguments[arguments.index(option) + 1])
with open(pathlib.Path(__file__).with_name("calls"), "a") as calls:
    print(name, file=calls)
if name == "prepare":
    value("--output").write_text("rows")
if name == "train":
    seed = int(str(value("--seed")))
    for step in range(3):
        print(f"(worker) step:{step} - critic/score/mean:0.5")
    if seed == 13:
        sys.exit("no luck")
    (value("--output") / "scorer").mkdir()
    line = json.dumps({"step": 1, "data": {"critic/score/mean": 0.5}})
    (value("--output") / "metrics.jsonl").write_text(line + "\\n")
if name == "eval":
    value("--json").write_text(json.dumps(EVALUATION))
"""


def measures(length, harmful):
    return {
        "accepted_len": length,
        "accuracy": 0.99,
        "accept_harmless": 0.95,
        "accept_harmful": harmful,
        "length_ratio": length / 5,
        "accuracy_difference": -0.01,
    }


def evaluation(length=15.0, harmful=0.05):
    """What `eval` finds, as far as it is read."""
    scored = {"threshold": 0.5, **measures(length, harmful)}
    return {
        "exact": measures(5.0, 0.0),
        "scorer": scored,
        "baselines": {
            name: measures(5.0, 0.0)
            for name in ("reject_all", "accept_all", "digit_rule", "oracle")
        },
        "thresholds": [scored],
    }


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """The commands that were called so far, each a word."""
    folder = tmp_path / "commands"
    folder.mkdir()
    source = COMMANDS.replace("EVALUATION", repr(evaluation()))
    (folder / "train_spd_scorer.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setattr(scorer_tasks, "path", lambda task: tmp_path / "models")
    return lambda: (folder / "calls").read_text().split()


def run(*arguments):
    return CliRunner().invoke(scorer.main, [str(argument) for argument in arguments])


def test_an_experiment_prepares_once_and_trains_every_seed(calls, tmp_path):
    folder, target = tmp_path / "kept", tmp_path / "out.json"
    result = run("--seeds", "0,1", "--steps", 3, "--folder", folder, "--json", target)
    assert result.exit_code == 0, result.output
    assert calls() == ["prepare"] * 3 + ["train", "eval"] * 2
    found = json.loads(target.read_text())
    assert [each["seed"] for each in found["by_seed"]] == found["seeds"] == [0, 1]
    assert found["scorer"]["accepted_len"] == 15.0
    assert (found["task"], found["steps"], found["penalty"]) == ("easy", 3, 0.03)
    assert found["wall_s"] > sum(each["wall_s"] for each in found["by_seed"]) > 0
    runs = folder / "easy-steps-3-penalty-0.03"
    for picture in ("trade_off.png", "learning_curves.png"):
        assert (runs / picture).read_bytes().startswith(b"\x89PNG")


def test_an_experiment_goes_on_from_what_is_there(calls, tmp_path):
    run("--steps", 3, "--folder", tmp_path / "kept")
    before = calls()
    found = json.loads(run("--steps", 3, "--folder", tmp_path / "kept", "--json", "-").stdout)
    assert calls() == before
    assert found["wall_s"] > 0
    run("--steps", 3, "--folder", tmp_path / "kept", "--penalty", 0)
    assert calls() == [*before, "train", "eval"]


def test_a_command_that_fails_is_named_with_its_last_words(calls, tmp_path):
    result = run("--seeds", "13", "--steps", 3, "--folder", tmp_path / "kept")
    assert result.exit_code == 1
    assert "Error: `train_spd_scorer train` ended with exit code 1" in result.stderr
    assert result.stderr.endswith("    no luck\n")
    again = run("--seeds", "13", "--steps", 3, "--folder", tmp_path / "kept")
    assert again.exit_code == 1
    assert calls() == ["prepare"] * 3 + ["train"] * 2


def test_progress_follows_the_steps_that_are_printed(calls, tmp_path, capfd):
    arguments = ["train", "--seed", 1, "--output", tmp_path / "run"]
    run_once(arguments, tmp_path / "run" / "scorer", steps=2)
    assert "2/2" in capfd.readouterr().err
    assert "step:2" in (tmp_path / "run" / "scorer.log").read_text()


def test_a_command_that_cannot_run_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match="ended with exit code"):
        run_once(["prepare"], tmp_path / "rows")


def test_a_folder_that_cannot_be_made_is_an_error(calls, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("--folder", tmp_path / "file" / "inner")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("Error: ")


def test_figures_are_medians_over_seeds():
    found = figures.medians([evaluation(length, 0.05) for length in (7.0, 9.0, 20.0)])
    assert found["scorer"]["accepted_len"] == 9.0
    assert found["exact"]["accuracy"] == 0.99
    assert set(found["baselines"]) == {"reject_all", "accept_all", "digit_rule", "oracle"}


def test_a_rate_that_a_seed_does_not_have_has_no_median():
    found = figures.medians([evaluation(), evaluation(harmful=None)])
    assert found["scorer"]["accept_harmful"] is None
    assert figures.missed({"task": "easy", **found}) == [
        "accept_harmful is -, asked for is 0.1 at most"
    ]


def test_what_is_not_reached_is_named():
    found = figures.medians([evaluation(length=6.0, harmful=0.15)])
    assert figures.missed({"task": "hard", **found}) == [
        "length_ratio is 1.200, asked for is 1.25 at least"
    ]
    assert len(figures.missed({"task": "easy", **found})) == 2
