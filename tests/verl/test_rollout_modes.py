"""GRPO as a user starts it, on verl's trainer: Ray workers, two FSDP2 ranks, two vLLM engines.

Each job trains two steps, with validation before them and after each; in the third, a rank fails
while it takes new weights. What stands in for drafts on a CPU is said in rollout_probe.py.
"""

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from testing.registry import require

require("synchronous rollouts")

from specroll_scorer.verl_fsdp_workers.overrides import merged, on_a_cpu

from demo.rollout_task import LETTERS_REWARD

HERE = Path(__file__).parent
RANKS = 2
STEPS = 2
GROUP = 4
PROMPTS = 4
SPECULATION = {"method": "sam", "num_speculative_tokens": 3}


class Job:
    """What a job has left: its log, metrics, validation's texts and the notes of its processes."""

    def __init__(self, mode, folder, model, rows):
        self.mode = mode
        self.folder = folder
        overrides = [*common(folder, model, rows), f"actor_rollout_ref.rollout.mode={mode}"]
        if mode == "async":
            overrides += SERVERS
        with (folder / "log").open("w") as log:
            self.run = subprocess.run(
                [sys.executable, "-m", "verl.trainer.main_ppo", *overrides],
                env=environment(folder),
                cwd=folder,
                stdout=log,
                stderr=log,
                timeout=1800,
            )
        self.log = (folder / "log").read_text()

    def metrics(self):
        """Of every step, validation before the first included."""
        lines = (self.folder / "metrics.jsonl").read_text().splitlines()
        return [entry["data"] for entry in map(json.loads, lines)]

    def validation(self):
        """Greedy texts after every step."""
        files = (self.folder / "validation" / f"{step}.jsonl" for step in range(STEPS + 1))
        return [
            sorted((row["input"], row["output"]) for row in map(json.loads, file.open()))
            for file in files
        ]

    def notes(self, event):
        files = (self.folder / "probe").glob("*.jsonl")
        found = [json.loads(line) for file in files for line in file.open()]
        return [note for note in found if note["event"] == event]


def common(folder, model, rows):
    chosen = [
        "algorithm.adv_estimator=grpo",
        f"data.train_files={rows}",
        f"data.val_files={rows}",
        f"data.train_batch_size={PROMPTS}",
        # That of the prompts: servers give a shorter one more than max_response_length.
        "data.max_prompt_length=40",
        "data.max_response_length=24",
        "data.return_raw_chat=True",
        f"custom_reward_function.path={LETTERS_REWARD}",
        f"actor_rollout_ref.model.path={model}",
        "actor_rollout_ref.model.external_lib=rollout_probe",
        "actor_rollout_ref.model.use_remove_padding=False",
        "actor_rollout_ref.actor.strategy=fsdp2",
        f"actor_rollout_ref.actor.ppo_mini_batch_size={PROMPTS}",
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=8",
        "actor_rollout_ref.actor.optim.lr=1e-2",
        "actor_rollout_ref.rollout.name=vllm",
        f"actor_rollout_ref.rollout.n={GROUP}",
        "actor_rollout_ref.rollout.dtype=float32",
        "actor_rollout_ref.rollout.enforce_eager=True",
        "actor_rollout_ref.rollout.tensor_model_parallel_size=1",
        "actor_rollout_ref.rollout.max_num_seqs=32",
        "actor_rollout_ref.rollout.free_cache_engine=False",
        "actor_rollout_ref.rollout.calculate_log_probs=True",
        "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=8",
        # Prompts fill blocks of the prefix cache; a CPU's are of 128 tokens.
        "+actor_rollout_ref.rollout.engine_kwargs.vllm.block_size=16",
        "+actor_rollout_ref.rollout.engine_kwargs.vllm.speculative_config.method=sam",
        "+actor_rollout_ref.rollout.engine_kwargs.vllm.speculative_config.num_speculative_tokens=3",
        "trainer.logger=[file]",
        f"trainer.total_training_steps={STEPS + 1}",
        f"trainer.total_epochs={STEPS + 1}",
        "trainer.save_freq=-1",
        "trainer.test_freq=1",
        f"trainer.validation_data_dir={folder / 'validation'}",
        f"ray_kwargs.ray_init.num_cpus={2 * RANKS + 3}",
    ]
    return merged(on_a_cpu(RANKS), chosen)


SERVERS = [
    # A CPU has no sleep mode.
    "+actor_rollout_ref.rollout.engine_kwargs.vllm.enable_sleep_mode=False",
    "actor_rollout_ref.rollout.agent.num_workers=2",
]


def environment(folder):
    (folder / "probe").mkdir()
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "ROLLOUT_PROBE_FOLDER": str(folder / "probe"),
        # Once before validation and once before each rollout, and validation after each.
        "ROLLOUT_PROBE_FAILS_AT": str(2 * STEPS + 2),
        "VERL_FILE_LOGGER_PATH": str(folder / "metrics.jsonl"),
        # No batch is larger: the whole rollout is tail.
        "VLLM_SPECULATIVE_BATCH_SIZE_THRE": str(GROUP * PROMPTS),
    }


@pytest.fixture(scope="module", params=["sync", "async"])
def job(request, tmp_path_factory, policy, even_rows):
    return Job(request.param, tmp_path_factory.mktemp(request.param), policy, even_rows)


def test_vllm_takes_the_keys_of_the_command_line(job):
    notes = job.notes("speculation")
    assert len(notes) == RANKS
    for note in notes:
        assert (note["given"], note["kind"]) == (SPECULATION, "dict")
        assert note["config"] == "SpeculativeConfig(method='sam', model=None, num_spec_tokens=3)"


def test_the_rollout_follows_the_policy(job):
    """Prompts come again, in validation too: what earlier weights have cached is not read."""
    for metrics in job.metrics()[1:]:
        assert metrics["training/rollout_probs_diff_max"] < 1e-5
    texts = job.validation()
    assert all(before != after for before, after in pairwise(texts))


def test_metrics_of_every_step(job):
    """Counts are those of the step's own rollout, of all engines; validation's are not in them."""
    steps = job.metrics()[1:]
    assert len(steps) == STEPS
    for metrics in steps:
        tokens = metrics["response_length/mean"] * GROUP * PROMPTS
        assert metrics["rollout/spec_draft_tokens"] == pytest.approx(3 * tokens)
        assert metrics["rollout/spec_accepted_tokens"] == pytest.approx(tokens)
        assert metrics["rollout/spec_accept_length"] == 2
        assert metrics["rollout/spec_accept_rate"] == pytest.approx(1 / 3)
        assert metrics["rollout/spec_tokens_per_step"] == 1
        assert metrics["rollout/spec_switched_off_share"] == 0
        assert 0 < metrics["rollout/tail_s"] == metrics["rollout/generation_s"]
        assert metrics["rollout/generation_s"] < metrics["timing_s/gen"]


def test_a_rank_that_fails_to_take_weights_ends_the_job(job):
    assert job.run.returncode == 1
    assert len(job.metrics()) == STEPS + 1
    last = job.log.rsplit("Traceback", 1)[1]
    assert "ValueError: there is no module or parameter named 'told_to_fail'" in last


def test_requests_of_a_sync_rollout_get_drafts(job):
    """Log-probabilities, which verl always asks for there, do not exclude them."""
    for note in job.notes("sampling"):
        assert (note["logprobs"], note["excluded_for"]) == (0, [])
    assert bool(job.notes("sampling")) == (job.mode == "sync")


def test_groups_of_an_async_rollout_meet(job):
    servers = defaultdict(Counter)
    for note in job.notes("request"):
        if not note["greedy"]:
            servers[note["process"]][tuple(note["prompt_ids"])] += 1
    assert len(servers) == (RANKS if job.mode == "async" else 0)
    for requests in servers.values():
        assert set(requests.values()) == {GROUP}
        # Half of all, but for how requests of two agent loop workers interleave.
        assert len(requests) >= PROMPTS // 2
