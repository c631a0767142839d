"""GRPO from the command line: real trainer, real weight transfers, real engines."""

import json

import pytest
from vllm import LLM, SamplingParams

from testing.grpo_run import GrpoRun, TrainingError
from testing.rollout_task import LETTERS_REWARD
from testing.tiny_model import engine_arguments

STEPS = 3
RESPONSE = 48
MAX_MODEL_LEN = 512
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
# with the weights that a checkpoint holds.
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
]


@pytest.fixture(scope="module")
def training(policy, rows, tmp_path_factory):
    """Metrics of the steps, validation's outputs by step, and the trained policy's folder."""
    folder = tmp_path_factory.mktemp("training")
    run = GrpoRun(folder, policy, rows, LETTERS_REWARD, ranks=2)
    outputs = run.folder / "outputs"
    steps = list(run.train(STEPS, [*WHOLE, f"trainer.validation_data_dir={outputs}"]))
    validated = {int(file.stem): _records(file) for file in outputs.glob("*.jsonl")}
    (trained,) = run.folder.glob(f"checkpoints/global_step_{STEPS}/actor/huggingface")
    return steps, validated, trained


def _records(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_every_step_says_what_speculation_did(training):
    steps, _, _ = training
    assert len(steps) == STEPS
    for metrics in steps:
        assert metrics["rollout/spec_draft_tokens"] > metrics["rollout/spec_accepted_tokens"] > 0
        assert 1 < metrics["rollout/spec_accept_length"] <= 4
        assert 0 < metrics["rollout/spec_accept_rate"] < 1
        assert metrics["rollout/spec_switched_off_share"] == 0
        assert metrics["rollout/spec_tokens_per_step"] > 1
        assert 0 < metrics["rollout/tail_s"] <= metrics["rollout/generation_s"]


def test_the_rollout_gives_the_probabilities_of_the_actor(training):
    steps, _, _ = training
    assert all(metrics["training/rollout_probs_diff_max"] < 1e-5 for metrics in steps)


def test_weights_reach_the_engines(training):
    _, validated, trained = training
    texts = {step: [record["output"] for record in records] for step, records in validated.items()}
    assert sorted(texts) == [1, 2, 3]
    assert texts[1] != texts[2] != texts[3]
    records = validated[STEPS]
    assert texts[STEPS] == greedy(trained, [record["input"] for record in records])


def greedy(model, prompts):
    """What an engine of its own writes, without speculation."""
    llm = LLM(**{**engine_arguments(model, MAX_MODEL_LEN), "skip_tokenizer_init": False})
    sampling = SamplingParams(temperature=0, max_tokens=RESPONSE, ignore_eos=True)
    answers = llm.generate(prompts, sampling, use_tqdm=False)
    return [answer.outputs[0].text for answer in answers]


def test_a_failed_weight_transfer_ends_the_job_with_a_message(grpo_run):
    extension = "testing.rollout_task.failing_rollout.FailingRollout"
    option = f"+{ROLLOUT}.engine_kwargs.vllm.worker_extension_cls={extension}"
    with pytest.raises(TrainingError, match=r"failed to take new weights: .*could not be loaded"):
        list(grpo_run().train(1, [*SMALL, option]))


def test_a_wrong_option_ends_the_job_before_anything_starts(grpo_run):
    run = grpo_run()
    with pytest.raises(TrainingError, match=r"Input should be 'ngram'.*'sam'"):
        list(run.train(1, [*SMALL, f"{SPECULATIVE}.method=smm"]))
    assert "Started a local Ray instance" not in run.log.read_text()
