"""What is looked at before a job starts."""

import pytest
from omegaconf import OmegaConf
from verl.workers.rollout.speculation_check import check_speculation
from vllm.config.sam import LENGTHS

from testing.registry import needs


def rollout(**speculative):
    options = {"vllm": {"speculative_config": speculative}}
    return OmegaConf.create({"name": "vllm", "engine_kwargs": options})


@pytest.mark.parametrize(
    ("speculative", "message"),
    [
        ({"method": "smm", "num_speculative_tokens": 3}, "Input should be 'ngram'"),
        ({"method": "sam", "num_speculative_tokens": 0}, "greater than (0|zero)"),
        (
            {"method": "sam", "num_speculative_tokens": "many"},
            "valid integer|must be a whole number",
        ),
        ({"method": "sam"}, "needs num_speculative_tokens"),
        pytest.param(
            {"method": "sam", "num_speculative_tokens": 3, "sam_histry": 1},
            "sam_histry",
            marks=needs("unknown speculative options refused"),
        ),
        ({"num_speculative_tokens": 3}, "without speculative model"),
    ],
)
def test_vllm_says_what_is_wrong(speculative, message):
    with pytest.raises(ValueError, match=message):
        check_speculation(rollout(**speculative))


@pytest.mark.parametrize(
    "speculative",
    [
        {"method": "sam", "num_speculative_tokens": 3},
        {"method": "ngram", "num_speculative_tokens": 3, "prompt_lookup_max": 4},
        # What needs the target model is judged where that is.
        {"method": "eagle", "model": "no/such-model", "num_speculative_tokens": 3},
        {"method": "deepseek_mtp", "num_speculative_tokens": 1},
        pytest.param(
            {"method": "sam", "num_speculative_tokens": 3, LENGTHS: [[1, 8, 3], [9, 64, 0]]},
            marks=needs("draft lengths by batch size"),
        ),
    ],
)
def test_what_is_right_or_needs_the_target_passes(speculative, monkeypatch):
    monkeypatch.delenv("VLLM_SPECULATIVE_BATCH_SIZE_THRE", raising=False)
    check_speculation(rollout(**speculative))


@pytest.mark.parametrize(
    "config",
    [
        {"name": "vllm"},
        {"name": "vllm", "engine_kwargs": {}},
        {"name": "vllm", "engine_kwargs": {"vllm": None, "sglang": {}}},
        # Options of a rollout that is not used.
        {"name": "sglang", "engine_kwargs": {"vllm": {"speculative_config": {"method": "smm"}}}},
    ],
)
def test_without_speculation_there_is_nothing_to_check(config, monkeypatch):
    monkeypatch.setenv("VLLM_SPECULATIVE_BATCH_SIZE_THRE", "many")
    check_speculation(OmegaConf.create(config))


def test_the_variable_of_the_switch_is_checked_too(monkeypatch):
    monkeypatch.setenv("VLLM_SPECULATIVE_BATCH_SIZE_THRE", "many")
    with pytest.raises(ValueError, match="must be a whole number of requests"):
        check_speculation(rollout(method="sam", num_speculative_tokens=3))


def test_options_may_be_json():
    options = {"vllm": {"speculative_config": '{"method": "smm", "num_speculative_tokens": 3}'}}
    with pytest.raises(ValueError, match="Input should be 'ngram'"):
        check_speculation(OmegaConf.create({"name": "vllm", "engine_kwargs": options}))
    options = {"vllm": {"speculative_config": '{"method": "sam", "num_speculative_tokens": 3}'}}
    check_speculation(OmegaConf.create({"name": "vllm", "engine_kwargs": options}))
