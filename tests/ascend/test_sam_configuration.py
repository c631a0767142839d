"""What `method="sam"` accepts on Ascend, and what it refuses with a sentence before it runs."""

import pytest
from vllm.config import ParallelConfig, SpeculativeConfig
from vllm.engine.arg_utils import EngineArgs

from testing.engine import SAM


@pytest.fixture
def configure(engine_arguments):
    """Makes the configuration of an engine that speculates, as each engine does first."""

    def make(speculation=SAM, **options):
        arguments = {**engine_arguments, "speculative_config": dict(speculation), **options}
        return EngineArgs(**arguments).create_engine_config()

    return make


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs num_speculative_tokens"),
        ({"num_speculative_tokens": 3, "prompt_lookup_max": 5}, "remove prompt_lookup_max"),
        ({"num_speculative_tokens": 3, "sam_history_tokens": -1}, "must be 0, for no history, or"),
    ],
)
def test_the_rules_of_the_method_hold(options, message):
    with pytest.raises(ValueError, match=message):
        SpeculativeConfig(method="sam", **options)


def test_sam_stays_sam():
    config = SpeculativeConfig(**SAM)
    assert config.method == "sam"
    assert repr(config) == "SpeculativeConfig(method='sam', model=None, num_spec_tokens=3)"


def test_pipeline_parallelism_is_refused():
    parallel = ParallelConfig(pipeline_parallel_size=2, distributed_executor_backend="mp")
    with pytest.raises(ValueError, match="verifies no drafts in a pipeline"):
        SpeculativeConfig(**SAM, target_parallel_config=parallel)


def test_drafts_beyond_what_attention_takes_are_refused(configure):
    assert configure({**SAM, "num_speculative_tokens": 15})
    with pytest.raises(ValueError, match="more than attention on Ascend takes in one step: use at"):
        configure({**SAM, "num_speculative_tokens": 16})


@pytest.mark.parametrize("mode", ["FULL", "FULL_DECODE_ONLY"])
def test_graphs_of_one_query_length_are_refused(configure, mode):
    with pytest.raises(ValueError, match="drafts as many tokens as are likely: use cudagraph_mode"):
        configure(enforce_eager=False, compilation_config={"cudagraph_mode": mode})
