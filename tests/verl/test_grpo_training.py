"""GRPO from the command line: real trainer, real weight transfers, real engines.

Engines have the second model runner where its release drafts there, its kernels interpreted; this
was never run on a GPU.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from testing.registry import provides, require

require("rollouts by server replicas")

from vllm import SamplingParams

from demo.rollout_task import LETTERS_REWARD
from demo.rollout_task.failing_rollout import STEPS_BEFORE_FAILURE as STEPS
from testing.grpo_run import GrpoRun, TrainingError
from testing.interpreted_gpu.process_environment import variables

SECOND_RUNNER = provides("drafts in the second model runner")
RESPONSE = 32
ROLLOUT = "actor_rollout_ref.rollout"
SPECULATIVE = f"{ROLLOUT}.engine_kwargs.vllm.speculative_config"
SMALL = [
    "data.train_batch_size=4",
    "data.max_prompt_length=256",
    f"data.max_response_length={RESPONSE}",
    "actor_rollout_ref.actor.ppo_mini_batch_size=4",
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=8",
    f"{ROLLOUT}.n=4",
    f"{ROLLOUT}.max_num_seqs=32",
    f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu=8",
]
# Sleeps and wakes around each step, drops the prefix cache with the weights, and validates greedily
# with the weights that a checkpoint holds; ends in a transfer that fails.
WHOLE = [
    *SMALL,
    "actor_rollout_ref.actor.optim.lr=3e-3",
    f"{ROLLOUT}.free_cache_engine=True",
    f"{ROLLOUT}.enable_prefix_caching=True",
    f"{ROLLOUT}.ignore_eos=True",
    f"{ROLLOUT}.calculate_log_probs=True",
    "trainer.test_freq=1",
    f"trainer.save_freq={STEPS}",
    "actor_rollout_ref.actor.checkpoint.save_contents=[model,hf_model]",
    f"+{ROLLOUT}.engine_kwargs.vllm.worker_extension_cls="
    "demo.rollout_task.failing_rollout.FailingRollout",
]


@dataclass(frozen=True)
class Training:
    """Metrics of the steps, validation's records by step, the trained policy, and the log."""

    steps: list
    validated: dict
    trained: Path
    log: str


@pytest.fixture(scope="module")
def training(policy, rows, tmp_path_factory):
    interpreted = variables(tmp_path_factory.mktemp("interpreted")) if SECOND_RUNNER else {}
    folder = tmp_path_factory.mktemp("training")
    run = GrpoRun(folder, policy, rows, LETTERS_REWARD, ranks=2, environment=interpreted)
    outputs = run.folder / "outputs"
    options = [*WHOLE, f"trainer.validation_data_dir={outputs}"]
    with pytest.raises(TrainingError):
        list(run.train(STEPS + 1, options))
    validated = {int(file.stem): _records(file) for file in outputs.glob("*.jsonl")}
    (trained,) = run.folder.glob(f"checkpoints/global_step_{STEPS}/actor/huggingface")
    return Training(run.logged(), validated, trained, run.log.read_text())


def _records(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_every_step_says_what_speculation_did(training):
    assert len(training.steps) == STEPS
    for metrics in training.steps:
        assert metrics["rollout/spec_draft_tokens"] > metrics["rollout/spec_accepted_tokens"] > 0
        assert 1 < metrics["rollout/spec_accept_length"] <= 4
        assert 0 < metrics["rollout/spec_accept_rate"] < 1
        assert metrics["rollout/spec_switched_off_share"] == 0
        assert metrics["rollout/spec_tokens_per_step"] > 1
        assert 0 < metrics["rollout/tail_s"] <= metrics["rollout/generation_s"]


def test_the_rollout_gives_the_probabilities_of_the_actor(training):
    assert all(metrics["training/rollout_probs_diff_max"] < 1e-5 for metrics in training.steps)


def test_weights_reach_the_engines(training, policy, start_engine):
    """Texts of two steps may be equal: on some runs the policy settles on one letter at once."""
    validated = training.validated[STEPS]
    prompts = [record["input"] for record in validated]
    sampling = SamplingParams(temperature=0, max_tokens=RESPONSE, ignore_eos=True)

    def answers(model):
        engine = start_engine(model, skip_tokenizer_init=False)
        outputs = engine.generate(prompts, sampling, use_tqdm=False)
        return [output.outputs[0].text for output in outputs]

    assert sorted(training.validated) == [1, 2, 3]
    trained = answers(training.trained)
    assert [record["output"] for record in validated] == trained
    assert trained != answers(policy)


def test_a_failed_weight_transfer_ends_the_job_with_a_message(training):
    runner = r"vllm\.v1\.worker\.cpu\.model_runner" if SECOND_RUNNER else ""
    message = f"failed to take new weights: .*could not be loaded for {runner}"
    assert re.search(message, training.log)


def test_a_wrong_option_ends_the_job_before_anything_starts(grpo_run):
    run = grpo_run()
    with pytest.raises(TrainingError, match=r"Input should be 'ngram'.*'sam'"):
        list(run.train(1, [*SMALL, f"{SPECULATIVE}.method=smm"]))
    assert "Started a local Ray instance" not in run.log.read_text()
