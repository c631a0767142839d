"""What is accepted and what is refused with a sentence before anything runs."""

from types import SimpleNamespace

import pytest
import torch
from vllm.config import ParallelConfig, SpeculativeConfig
from vllm.engine.arg_utils import EngineArgs
from vllm.v1.sample.logits_processor import MinPLogitsProcessor, build_logitsprocs

from testing.engine import NGRAM, SAM


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs num_speculative_tokens"),
        ({"num_speculative_tokens": "three"}, "must be a whole number, not 'three'"),
        ({"num_speculative_tokens": 0}, "greater than zero"),
        ({"num_speculative_tokens": 129}, "use at most 128"),
        ({"num_speculative_tokens": 3, "prompt_lookup_max": 5}, "remove prompt_lookup_max"),
        ({"num_speculative_tokens": 3, "sam_history_tokens": -1}, "must be 0, for no history, or"),
        (
            {
                "num_speculative_tokens": 3,
                "sam_history_tokens": 9,
                "sam_share_prompts": False,
            },
            "sam_history_tokens=9 needs sam_share_prompts",
        ),
        ({"num_speculative_tokens": 3, "sam_min_acceptance": 1.0}, "less than 1"),
        ({"num_speculative_tokens": 3, "sam_min_acceptance": -0.1}, "must be at least 0"),
        ({"num_speculative_tokens": 3, "sam_min_acceptance": float("nan")}, "must be at least 0"),
        ({"num_speculative_tokens": 3, "disable_by_batch_size": 4}, "remove disable_by_batch_size"),
        ({"num_speculative_tokens": 3, "model": "a.b", "revision": "c"}, "remove model, revision"),
    ],
)
def test_a_wrong_configuration_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SpeculativeConfig(method="sam", **options)


def test_pipeline_parallelism_is_refused():
    parallel = ParallelConfig(pipeline_parallel_size=2, distributed_executor_backend="mp")
    with pytest.raises(ValueError, match="verifies no drafts in a pipeline"):
        SpeculativeConfig(**SAM, target_parallel_config=parallel)


def test_sam_stays_sam():
    config = SpeculativeConfig(**SAM)
    assert config.method == "sam"
    assert repr(config) == "SpeculativeConfig(method='sam', model=None, num_spec_tokens=3)"


def engine_config(target_model, **options):
    arguments = EngineArgs(model=str(target_model), skip_tokenizer_init=True, **options)
    return arguments.create_engine_config()


@pytest.mark.parametrize("speculation", [SAM, NGRAM], ids=["sam", "ngram"])
def test_speculation_on_a_cpu_is_refused(target_model, speculation):
    with pytest.raises(ValueError, match=r"cannot speculate on a CPU.*use a GPU or an NPU"):
        engine_config(target_model, speculative_config=dict(speculation))
    assert engine_config(target_model).speculative_config is None


def test_what_the_engine_fills_in_is_accepted(target_model):
    """Upstream adds its own fields to what the user gave."""
    model_config = engine_config(target_model).model_config
    filled_in = {"enable_chunked_prefill": True, "disable_log_stats": True}
    config = SpeculativeConfig(**SAM, target_model_config=model_config, **filled_in)
    assert config.num_speculative_tokens == SAM["num_speculative_tokens"]


def test_asynchronous_scheduling_is_refused(target_model):
    with pytest.raises(ValueError, match="speculative decoding is not supported with"):
        engine_config(target_model, speculative_config=dict(SAM), async_scheduling=True)


def test_custom_logits_processors_are_refused_with_speculation(target_model):
    class Custom(MinPLogitsProcessor):
        pass

    def build(speculation, custom):
        # Stands in for a configuration that a CPU would refuse.
        config = SimpleNamespace(
            speculative_config=speculation,
            scheduler_config=SimpleNamespace(max_num_seqs=4),
        )
        return build_logitsprocs(config, torch.device("cpu"), False, False, custom)

    with pytest.raises(ValueError, match=r"custom logits processors \(Custom\) to draft tokens"):
        build(SpeculativeConfig(**SAM), [Custom])
    builtin = {type(processor) for processor in build(SpeculativeConfig(**SAM), []).all}
    assert MinPLogitsProcessor in builtin
    assert {type(processor) for processor in build(None, [Custom]).all} == {*builtin, Custom}
