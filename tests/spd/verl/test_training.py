"""Training on verl's real trainer: Ray workers, two FSDP2 ranks, completions by a real vLLM.

One run is killed after two steps and goes on; what it left is looked at from all sides.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from spd_scorer import AutoModelForSPDScoring
from specroll_scorer.data.row_columns import DATA_SOURCE, SCHEMA
from specroll_scorer.training import run_metrics
from specroll_scorer.verl_fsdp_workers import checkpoint

from testing.cpu_environment import CLUSTER_ENVIRONMENT

HERE = Path(__file__).parent
RANKS = 2
KILLED_AFTER = 2
STEPS = 4


@pytest.fixture(scope="module")
def rows_file(tmp_path_factory, tokenizer):
    """Rows with drafts of digits that mismatch here and there."""
    chance = random.Random(0)
    digits = tokenizer("0123456789", add_special_tokens=False)["input_ids"]
    rows = []
    for index in range(24):
        context, target = (chance.choices(digits, k=n) for n in (6, chance.randint(4, 9)))
        draft = [t if chance.random() < 0.7 else chance.choice(digits) for t in target]
        rows.append(
            {
                "data_source": DATA_SOURCE,
                "input_ids": context + draft,
                "draft_start_idx": len(context),
                "target_ids": target,
                "reward_model": {"style": "rule", "ground_truth": ""},
                "checker": "training_probe:has_even_length",
                "baseline": "",
                "baseline_right": True,
                "extra_info": {"index": index},
            }
        )
    file = tmp_path_factory.mktemp("rows") / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), file)
    return file


@pytest.fixture(scope="module")
def command(tmp_path_factory, rows_file, tiny_model, endpoint):
    """The command that trains, without its number of steps, and the folder that it writes."""
    output = tmp_path_factory.mktemp("training") / "run"
    words = [
        *(sys.executable, "-m", "train_spd_scorer", "train", "--ranks", str(RANKS)),
        *("--data", rows_file, "--validation", rows_file, "--backbone", tiny_model),
        *("--target-url", endpoint.url, "--output", output, "--lora-rank", "2"),
        *("data.train_batch_size=4", "actor_rollout_ref.actor.ppo_mini_batch_size=4"),
        *("actor_rollout_ref.rollout.n=4", "actor_rollout_ref.actor.optim.lr=1e-2"),
        *("actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=4",),
        *("data.max_prompt_length=8", "data.max_response_length=12"),
        *("trainer.save_freq=1", "trainer.test_freq=2", "trainer.total_epochs=50"),
        *("+reward_model.reward_kwargs.max_completion_tokens=8",),
        *("actor_rollout_ref.model.external_lib=training_probe",),
        *("+actor_rollout_ref.actor.policy_loss.accept_logit_penalty=0.03",),
    ]
    return [*map(str, words)], output


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        **CLUSTER_ENVIRONMENT,
        "PYTHONPATH": os.pathsep.join(paths),
        "SPD_PROBE_FOLDER": str(tmp_path_factory.mktemp("probe")),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


@pytest.fixture(scope="module")
def killed(command, environment):
    """The folder of a run that was killed once the checkpoint of its second step was written."""
    words, output = command
    log = output.with_name("killed.log")
    with log.open("w") as stream:
        run = subprocess.Popen(
            [*words, "--steps", "50"], env=environment, stdout=stream, stderr=stream
        )
        wait_for_step(output, KILLED_AFTER, run, log)
        for process in [run, *psutil.Process(run.pid).children(recursive=True)]:
            process.send_signal(signal.SIGKILL)
        run.wait()
    return output


def wait_for_step(output, step, run, log):
    # The line of a step is written after its checkpoint.
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and run.poll() is None:
        parts = (output / run_metrics.PARTS).glob("*.jsonl")
        if any(f'{{"step": {step},' in part.read_text() for part in parts):
            return
        time.sleep(0.1)
    run.kill()
    raise AssertionError(f"no checkpoint of step {step}:\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="module")
def before(killed, environment):
    """What the killed run left: its last whole step, and the workers' notes."""
    return checkpoint.latest_step(killed / "checkpoints"), notes(environment)


@pytest.fixture(scope="module")
def resumed(command, environment, before):
    """The folder after the run went on."""
    words, output = command
    steps = before[0] + STEPS - KILLED_AFTER
    log = output.with_name("resumed.log")
    with log.open("w") as stream:
        finished = subprocess.run(
            [*words, "--steps", str(steps)],
            env=environment,
            stdout=stream,
            stderr=stream,
            timeout=1800,
        )
    assert finished.returncode == 0, log.read_text()[-4000:]
    return output


def notes(environment):
    """The workers' notes, a list a rank."""
    files = sorted(Path(environment["SPD_PROBE_FOLDER"]).glob("rank-*.jsonl"))
    return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]


def of_kind(event, found):
    return [note for rank in found for note in rank if note["event"] == event]


def test_the_workers_train_a_scoring_actor(before):
    _, found = before
    assert len(found) == RANKS
    for update in of_kind("update", found):
        assert "ScoringActor" in update["classes"]
        assert update["trainable"]
        assert all("lora_" in n or n.startswith("score_head.") for n in update["trainable"])
        assert set(update["changed"]) <= set(update["trainable"])
    changed = {name for update in of_kind("update", found) for name in update["changed"]}
    assert any("lora_" in name for name in changed)
    assert any(name.startswith("score_head.") for name in changed)


def test_the_rollout_runs_the_actor_s_own_module(before):
    _, found = before
    for rank in found:
        assert len({note["module"] for note in rank}) == 1
        assert {note["event"] for note in rank} == {"rollout", "update"}


def test_a_killed_run_goes_on(before, resumed, environment):
    """From the step behind the last checkpoint, and with the optimiser's state."""
    step, earlier = before
    for early, rank in zip(earlier, notes(environment), strict=True):
        updates = of_kind("update", [rank[len(early) :]])
        assert [u["optimizer_steps"] for u in updates] == [[step + 1], [step + 2]]


def test_metrics_of_every_step(before, resumed):
    found = run_metrics.read(resumed)
    last = before[0] + STEPS - KILLED_AFTER
    assert [entry["step"] for entry in found] == list(range(last + 1))
    for entry in found[1:]:
        assert entry["spd/lossless_length"] <= entry["spd/accepted_length"]
        scenarios = ("free_speed", "harm", "safe", "not_its_doing")
        assert sum(entry[f"spd/{name}"] for name in scenarios) == pytest.approx(1)
        assert entry["training/rollout_probs_diff_max"] < 1e-5
        assert entry["actor/accept_logit_penalty"] >= 0


def test_the_scorer_is_that_of_the_last_checkpoint(before, resumed):
    scorer = AutoModelForSPDScoring.from_pretrained(resumed / "scorer").state_dict()
    last = checkpoint.scorer(checkpoint.latest(resumed / "checkpoints")).state_dict()
    assert all(torch.equal(weight, last[name]) for name, weight in scorer.items())
    first = AutoModelForSPDScoring.from_pretrained(resumed / "initial").state_dict()
    moved = {name for name, weight in scorer.items() if not torch.equal(weight, first[name])}
    assert moved
    assert all("lora_" in name or name.startswith("score_head.") for name in moved)


def test_a_run_that_is_through_is_left_alone(before, command, environment, resumed):
    words, output = command
    steps = before[0] + STEPS - KILLED_AFTER
    kept = run_metrics.read(resumed)
    again = [*words, "--steps", str(steps), "--json", "-"]
    finished = subprocess.run(again, env=environment, capture_output=True, text=True, timeout=1800)
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert json.loads(finished.stdout)["steps"] == steps
    assert checkpoint.latest_step(output / "checkpoints") == steps
    assert run_metrics.read(resumed) == kept


@pytest.fixture
def refused(command, environment, tmp_path):
    """Runs the command with options replaced, in a folder of its own; returns what it says last."""

    def run(*overrides, **options):
        words = [*command[0], *overrides]
        for name, value in {"output": tmp_path / "run", **options}.items():
            words[words.index(f"--{name.replace('_', '-')}") + 1] = str(value)
        finished = subprocess.run(
            words, env=environment, capture_output=True, text=True, timeout=1800
        )
        assert finished.returncode == 1
        return finished.stderr.splitlines()[-1]

    return run


def test_a_run_that_fails_ends_with_its_cause(refused):
    """verl finds out in the trainer's process, long after the command line was read."""
    last = refused("+reward_model.reward_kwargs.beta=5")
    assert last.startswith("Error: the training ended: RewardError: beta is 5 and 1 + alpha is 2")


def test_a_row_that_makes_no_sense(refused, rows_file, tmp_path):
    table = pq.read_table(rows_file)
    short = pa.array([[1]] * len(table), pa.list_(pa.int64()))
    column = table.column_names.index("target_ids")
    bad = tmp_path / "bad.parquet"
    pq.write_table(table.set_column(column, "target_ids", short), bad)
    last = refused(data=bad)
    assert last.startswith(f"Error: the training ended: RowError: {bad}, row 0: ")


def test_other_settings_in_the_same_folder(refused, resumed):
    last = refused(output=resumed, lora_rank=4)
    assert "was made with another lora_rank: go on with the same settings" in last


def test_a_backbone_that_is_not_there(refused):
    last = refused(backbone="/nowhere/llama")
    assert last.startswith("Error: no backbone and its tokenizer can be loaded from /nowhere/llama")


def test_neither_target_nor_url(command, environment):
    words, _ = command
    where = words.index("--target-url")
    finished = subprocess.run(
        [*words[:where], *words[where + 2 :]], env=environment, capture_output=True, text=True
    )
    assert finished.returncode == 2
    assert "give either --target or --target-url" in finished.stderr
