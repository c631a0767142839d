"""What is made of rollouts and trainings, and what their commands refuse."""

import json
import re
import sys
from contextlib import contextmanager

from testing.registry import require

require("rollouts by server replicas")

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from transformers import AutoModelForCausalLM

from bench import grpo_curves, rl, surprisal
from bench.lib import grpo
from bench.lib.engines.servers import ServedRollout, ServerSetting
from demo.rollout_task import letters
from demo.rollout_task.reward import compute_score
from demo.rollout_task.rows import write_rows
from testing.grpo_run import GrpoRun, TrainingError


def served(seconds, tail, accepted=0, tokens=((1, 2), (3,))):
    counts = [
        {"tail_s": tail, "accepted_tokens": accepted},
        {"tail_s": tail / 2, "accepted_tokens": 0},
    ]
    return ServedRollout([list(each) for each in tokens], [None, None], seconds, counts)


NONE = [served(4.0, 2.0), served(8.0, 4.0), served(4.0, 2.0)]
SAM = [served(4.0, 1.0, 5), served(4.0, 2.0, 6), served(5.0, 1.0, 7)]
STEP = {"rollout/spec_accepted_tokens": 10, "rollout/spec_accept_length": 2.0}


def test_methods_are_compared_in_the_same_turn():
    found = rl.measures({"none": NONE, "sam": SAM})
    assert found["none"]["rollout_x_none"] == found["none"]["tail_x_none"] == 1
    assert found["sam"]["rollout_s"] == 4.0
    assert found["sam"]["rollout_x_none"] == 1.0
    assert found["sam"]["tail_x_none"] == 2.0
    assert found["sam"]["accepted_drafts"] == 18
    assert found["sam"]["identical"]


def test_the_result_says_where_tokens_differ():
    other = [*SAM[:2], served(5.0, 1.0, 7, tokens=((1, 2), (4,)))]
    training = rl.Training([STEP, {**STEP, "rollout/spec_accept_length": 3.0}])
    found = rl.result(training, {"none": NONE, "sam": other})
    assert not found["identical_greedy"]
    assert (found["accepted_drafts"], found["accept_length"]) == (20, 2.5)
    assert found["rollout_s"] == {"none": 4.0, "sam": 4.0}
    assert found["tail_s"] == {"none": 2.0, "sam": 1.0}
    lines = rl.table(found).splitlines()
    assert lines[-1].split() == ["sam", "4.00", "1.00", "1.00", "2.00", "18", "NO"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--shortest", "30", "--longest", "20"], "--shortest is more than --longest"),
        (["--methods", "sam"], "none must be one of them"),
        (["--json", "no/such/folder/out.json"], "does not exist"),
    ],
)
def test_wrong_options_of_rl_are_refused(options, message):
    outcome = CliRunner().invoke(rl.main, options)
    assert outcome.exit_code == 2
    assert message in outcome.output


def test_answers_that_the_servers_would_cut_are_refused(policy, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(grpo, "save_demo", lambda _folder: (policy, rows))
    options = ["--num-prompts", "2", "--longest", "512", "--folder", str(tmp_path)]
    outcome = CliRunner().invoke(rl.main, options)
    assert outcome.exit_code == 2
    assert re.search(r"--longest is more than the \d+ tokens that prompts leave", outcome.output)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "one"], "not a list of numbers"),
        (["--plot", "no/such/folder/curves.png"], "does not exist"),
        (["--plot", "curves.jpeg"], "ends in none of .png, .svg, .pdf"),
    ],
)
def test_wrong_options_of_grpo_curves_are_refused(options, message):
    outcome = CliRunner().invoke(grpo_curves.main, options)
    assert outcome.exit_code == 2
    assert message in outcome.output


def curve(*rewards):
    return [
        {
            "critic/score/mean": reward,
            "actor/entropy": 1 - reward,
            "rollout/spec_accepted_tokens": 1,
            "rollout/spec_switched_off_share": 0.5,
            "training/rollout_probs_diff_max": 1e-6,
        }
        for reward in rewards
    ]


LOW, HIGH = [0.1] * 5 + [0.2] * 15, [0.3] * 5 + [0.4] * 15


def test_curves_are_compared_with_the_band(tmp_path):
    inside = {"none": [curve(*LOW), curve(*HIGH)], "sam": [curve(*([0.25] * 20))]}
    found = grpo_curves.comparison(inside)
    assert found["band"]["steps_inside"] == 1
    assert found["band"]["largest_distance"] == 0
    assert found["accepted_drafts"] == 20
    outside = grpo_curves.comparison({**inside, "sam": [curve(*([0.5] * 20))]})
    assert outside["band"]["steps_inside"] == 0
    assert outside["band"]["largest_distance"] == pytest.approx(0.2)
    assert "inside the band of the trainings without in 0%" in grpo_curves.table(outside)
    grpo_curves.draw(inside, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 0


def test_a_picture_that_fails_takes_no_figures_with_it(tmp_path, monkeypatch):
    def no_picture(_curves, _file):
        raise OSError("no space left")

    curves = {"none": [curve(*LOW)], "sam": [curve(*HIGH)]}
    monkeypatch.setattr(grpo_curves, "trained_curves", lambda *_: curves)
    monkeypatch.setattr(grpo_curves, "draw", no_picture)
    json_file = tmp_path / "curves.json"
    options = ["--folder", tmp_path, "--json", json_file, "--plot", tmp_path / "curves.png"]
    outcome = CliRunner().invoke(grpo_curves.main, [*map(str, options)])
    assert isinstance(outcome.exception, OSError)
    assert json.loads(json_file.read_text())["curves"] == curves


def test_means_of_trainings_are_compared():
    found = grpo_curves.comparison({"none": [curve(*LOW)], "sam": [curve(*HIGH)]})
    assert found["reward, all steps"]["none"] == [pytest.approx(0.175)]
    assert found["reward, last ten"]["none"] == [pytest.approx(0.2)]
    assert found["entropy, last ten"]["sam"] == [pytest.approx(0.6)]
    line = next(
        line for line in grpo_curves.table(found).splitlines() if line.startswith("entropy")
    )
    assert line.split()[3:] == [
        "0.800",
        "(0.800,",
        "0.800)",
        "0.600",
        "(0.600,",
        "0.600)",
        "100.0%",
    ]


def test_curves_at_the_edge_of_the_band_are_inside():
    flat = [curve(*([0.7] * 10))]
    found = grpo_curves.comparison({"none": flat * 3, "sam": flat})["band"]
    assert found["steps_inside"] == 1
    assert found["steps_inside_by_seed"] == [1]
    assert found["largest_distance"] == 0


def test_surprisal_is_the_entropy_where_sampling_is_exact():
    logits = torch.randn((20_000, 6), generator=torch.manual_seed(0)) * 2
    drawn = torch.multinomial(logits.softmax(-1), 1, generator=torch.manual_seed(1))[:, 0]
    found = surprisal.surprisal(logits, drawn)
    assert found.tokens == 20_000
    assert abs(found.z) < surprisal.LARGEST_Z
    entropy = torch.distributions.Categorical(logits=logits.double()).entropy().sum()
    assert found.entropy == pytest.approx(entropy.item())
    assert surprisal.surprisal(logits * 1.2, drawn).z > surprisal.LARGEST_Z
    assert surprisal.surprisal(logits / 1.2, drawn).z < -surprisal.LARGEST_Z


def test_even_and_certain_tokens_surprise_nobody():
    even = surprisal.surprisal(torch.zeros((20_000, 7)), torch.randint(7, (20_000,)))
    assert abs(even.z) < 1e-3
    certain = torch.tensor([[0.0, float("-inf"), float("-inf")]])
    assert surprisal.surprisal(certain, torch.tensor([0])).z == 0


@pytest.mark.parametrize("rest", [-1000.0, float("-inf")])
def test_tokens_that_cannot_be_are_found(rest):
    certain = torch.tensor([[0.0, rest, rest]])
    assert surprisal.surprisal(certain, torch.tensor([1])).z > surprisal.LARGEST_Z


def test_surprisal_adds_up():
    even = surprisal.surprisal(torch.zeros((2, 4)), torch.tensor([1, 2]))
    assert even + surprisal.Surprisal(3, 1.0, 2.0, 4.0) == surprisal.Surprisal(
        5, pytest.approx(1 + 2 * np.log(4)), pytest.approx(2.0), pytest.approx(4.0)
    )


def test_tokens_that_the_tokenizer_lacks_are_left_out(policy, monkeypatch):
    model = surprisal.Policy(str(policy))
    monkeypatch.setattr(model, "_tokenizer", range(5))
    # So hot that all tokens are alike.
    assert model.surprisal([1, 2, 3], [4], 1e6).entropy == pytest.approx(np.log(5), abs=1e-6)


@pytest.mark.parametrize(
    ("prompt", "options", "message"),
    [
        ("abc", ["--longest", "510"], "--longest is more than the 509 tokens that prompts leave."),
        ('{"prompt": ""}', [], "a prompt of --prompts has no tokens; leave it out."),
        ("abc", ["--temperature", "0"], "0.0 is not in the range"),
    ],
)
def test_what_the_policy_cannot_answer_is_refused(prompt, options, message, policy, tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text(f"{prompt}\n")
    arguments = ["--model", str(policy), "--prompts", str(prompts), "--num-prompts", "1"]
    outcome = CliRunner().invoke(surprisal.main, [*arguments, *options])
    assert outcome.exit_code == 2
    assert message in outcome.output


class Sampler:
    """Stands for servers, which tests/verl/test_servers.py runs: samples with transformers."""

    def __init__(self, folder, temperature):
        """Sample at this temperature, whatever is asked for."""
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self._temperature = temperature

    @torch.no_grad()
    def roll_out(self, requests):
        """Answer with all the tokens that are asked for."""
        tokens = torch.tensor([request.prompt for request in requests])
        start = tokens.shape[1]
        for _ in range(requests[0].sampling["max_tokens"]):
            logits = self._model(tokens).logits[:, -1] / self._temperature
            tokens = torch.cat([tokens, torch.multinomial(logits.softmax(-1), 1)], 1)
        return served(1.0, 0.5, 7, tokens[:, start:].tolist())


@pytest.mark.parametrize(("drawn_at", "code"), [(0.7, 0), (0.5, 1)])
def test_the_verdict_is_the_exit_code(drawn_at, code, policy, tmp_path, monkeypatch):
    @contextmanager
    def sampled(_setting, _methods):
        yield {"none": Sampler(policy, 0.7), "sam": Sampler(policy, drawn_at)}

    torch.manual_seed(0)
    monkeypatch.setattr(surprisal, "running_servers", sampled)
    prompts, found = tmp_path / "prompts.txt", tmp_path / "found.json"
    prompts.write_text("abc\n")
    options = ["--model", policy, "--prompts", prompts, "--num-prompts", 1, "--group", 200]
    options += ["--repeats", 1, "--longest", 20, "--temperature", 0.7, "--json", found]
    outcome = CliRunner().invoke(surprisal.main, [*map(str, options)])
    assert outcome.exit_code == code
    lines = outcome.stdout.splitlines()
    assert lines[-1].split()[:2] == ["sam", "4000"]
    sums = json.loads(found.read_text())["methods"]["sam"]
    assert lines[-1].split()[-2:] == [f"{sums['z']:+.2f}", "7"]
    assert (sums["z"] < -surprisal.LARGEST_Z) == bool(code)


def test_a_cache_holds_the_whole_batch():
    setting = ServerSetting("model", 4, 300, 3, threshold=8)
    options = setting.config("sam").actor_rollout_ref.rollout.engine_kwargs.vllm
    assert options.num_gpu_blocks_override == 4 * 3 + 1
    assert options.speculative_config == {"method": "sam", "num_speculative_tokens": 3}
    assert (
        "speculative_config"
        not in setting.config("none").actor_rollout_ref.rollout.engine_kwargs.vllm
    )


def test_the_reward_is_for_lines_at_their_places_and_the_result():
    solution = "one\ntwo\nthree"
    assert compute_score("", solution, solution) == 1
    assert compute_score("", "one\n2\nthree", solution) == pytest.approx(5 / 6)
    assert compute_score("", "one\ntwo", solution) == pytest.approx(1 / 3)
    assert compute_score("", "", solution) == 0


def test_the_reward_of_letters_is_their_share():
    assert letters.compute_score("", "one 1", "") == pytest.approx(3 / 5)
    assert letters.compute_score("", "", "") == 0


def test_rows_are_different_problems(tmp_path):
    import pyarrow.parquet as pq

    write_rows(tmp_path, 8, 4)
    prompts = [
        row["prompt"][0]["content"]
        for file in ("train.parquet", "val.parquet")
        for row in pq.read_table(tmp_path / file).to_pylist()
    ]
    assert len(set(prompts)) == 12


@pytest.fixture
def run_of(tmp_path, monkeypatch):
    """Return a function that makes a run of another program than the recipe."""

    def make(program):
        script = tmp_path / "program"
        script.write_text(f"#!{sys.executable}\n{program}")
        script.chmod(0o755)
        monkeypatch.setattr("testing.grpo_run.RECIPE", script)
        return GrpoRun(tmp_path / "run", tmp_path, tmp_path, tmp_path)

    return make


def test_steps_come_as_they_are_written(run_of):
    lines = [json.dumps({"step": step, "data": {"reward": step}}) for step in (1, 2)]
    run = run_of(
        "import os, time\n"
        "with open(os.environ['VERL_FILE_LOGGER_PATH'], 'w', buffering=1) as file:\n"
        f"    for line in {lines!r}:\n"
        "        print(line, file=file)\n"
        "        time.sleep(1.5)\n"
    )
    assert list(run.train(2)) == [{"reward": 1}, {"reward": 2}]


def test_a_run_that_fails_says_how(run_of):
    run = run_of("import sys\nsys.exit('no rows there')\n")
    with pytest.raises(
        TrainingError, match=r"(?s)exit code 1; .*log.txt ends with:.*no rows there"
    ):
        list(run.train(1))


def test_a_run_that_is_left_ends(run_of):
    run = run_of(
        "import os, time\n"
        "with open(os.environ['VERL_FILE_LOGGER_PATH'], 'w') as file:\n"
        "    print('{\"data\": {}}', file=file)\n"
        "time.sleep(600)\n"
    )
    steps = run.train(1)
    assert next(steps) == {}
    steps.close()
