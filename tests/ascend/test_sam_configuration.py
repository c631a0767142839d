"""What `method="sam"` accepts on Ascend, and what it refuses with a sentence before it runs."""

import pytest
from vllm.config import ParallelConfig, SpeculativeConfig
from vllm.engine.arg_utils import EngineArgs
from vllm_ascend import sam_limits
from vllm_ascend.ascend_config import clear_ascend_config

from testing.engine import SAM
from testing.registry import needs, provides

OVERLAP = "overlapping drafts in the first model runner"
GRAPHS = "full graphs for whole drafts"


@pytest.fixture
def configure(engine_arguments):
    """Makes the configuration of an engine that speculates, as each engine does first.

    vLLM-Ascend would keep the first `additional_config` of a process.
    """
    clear_ascend_config()

    def make(speculation=SAM, **options):
        arguments = {**engine_arguments, "speculative_config": dict(speculation), **options}
        return EngineArgs(**arguments).create_engine_config()

    yield make
    clear_ascend_config()


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


def test_310p_is_refused(configure, monkeypatch):
    monkeypatch.setattr(sam_limits, "is_310p", lambda: True)
    with pytest.raises(ValueError, match="does not run on 310P, whose model runner is another"):
        configure()


@pytest.mark.skipif(provides(GRAPHS), reason="here there are graphs for further query lengths")
def test_graphs_of_one_query_length_are_refused(configure):
    with pytest.raises(ValueError, match="drafts as many tokens as are likely: use cudagraph_mode"):
        configure(enforce_eager=False, compilation_config={"cudagraph_mode": "FULL_DECODE_ONLY"})


@needs(GRAPHS)
@pytest.mark.parametrize("graph_mode", ["FULL", "FULL_DECODE_ONLY"])
def test_full_graphs_are_kept(configure, graph_mode, monkeypatch):
    monkeypatch.delenv("TORCH_COMPILE_DISABLE")
    config = configure(enforce_eager=False, compilation_config={"cudagraph_mode": graph_mode})
    assert config.compilation_config.cudagraph_mode.name == graph_mode


def test_graphs_that_fit_any_number_of_tokens_are_kept(configure, monkeypatch):
    monkeypatch.delenv("TORCH_COMPILE_DISABLE")  # with it some releases of vLLM make no graphs
    config = configure(enforce_eager=False)
    kept = "FULL_AND_PIECEWISE" if provides("full graphs by default") else "PIECEWISE"
    assert config.compilation_config.cudagraph_mode.name == kept
    assert config.compilation_config.cudagraph_capture_sizes


@needs("torchair graphs")
def test_graphs_of_torchair_are_refused(configure):
    with pytest.raises(ValueError, match="remove it from additional_config"):
        configure(
            enforce_eager=False,
            additional_config={"torchair_graph_config": {"enabled": True}},
        )


@pytest.mark.skipif(provides(OVERLAP), reason="here the drafter takes overlapping steps")
def test_asynchronous_scheduling_is_refused(configure):
    with pytest.raises(ValueError, match=r"[Aa]sync scheduling"):
        configure(async_scheduling=True)


def test_a_threshold_that_is_no_number_stops_the_start(start_engine):
    """Some workers make a RuntimeError of what stops their model runner."""
    message = "VLLM_SPECULATIVE_BATCH_SIZE_THRE must be a whole number"
    with pytest.raises((ValueError, RuntimeError), match=message):
        start_engine(SAM, threshold="many")
