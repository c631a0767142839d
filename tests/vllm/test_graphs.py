"""Which graphs the first model runner has, and which of them a step gets: descriptors only.

A CPU captures no graphs. What chooses them is upstream's own code and runs here.
"""

import pytest

from testing.registry import require

require("full graphs for whole drafts")

from vllm.config import CUDAGraphMode
from vllm.config.sam_graphs import largest_graph, whole_draft_sizes, widest_batches
from vllm.engine.arg_utils import EngineArgs
from vllm.v1.attention.backend import AttentionCGSupport
from vllm.v1.cudagraph_dispatcher import CudagraphDispatcher
from vllm.v1.spec_decode.sam_graph_dispatcher import SamGraphDispatcher

from testing.engine import SAM, model_runner
from testing.engine_fixtures import THRESHOLD
from testing.registry import needs

SIZES = [1, 2, 4, 8, 16, 24, 32]
MODES = [CUDAGraphMode.FULL_AND_PIECEWISE, CUDAGraphMode.FULL_DECODE_ONLY]


@pytest.fixture
def configure(engine_arguments):
    """Makes the configuration of an engine with graphs, which the platform of CPUs drops."""

    def configure(speculation=None, *, sizes=SIZES, lora=False, **options):
        arguments = {**engine_arguments, "max_num_seqs": 16, **options}
        if lora:
            arguments |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": 8}
        # A copy: vLLM adds to it.
        method = dict(speculation) if speculation else None
        config = EngineArgs(**arguments, speculative_config=method).create_engine_config()
        config.compilation_config.cudagraph_capture_sizes = list(sizes)
        config.compilation_config.max_cudagraph_capture_size = max(sizes)
        return config

    return configure


def plain_dispatcher(config, mode):
    dispatcher = CudagraphDispatcher(config)
    dispatcher.initialize_cudagraph_keys(mode, 1)
    return dispatcher


def sam_dispatcher(config, mode, support=AttentionCGSupport.UNIFORM_BATCH):
    dispatcher = SamGraphDispatcher(config, support)
    dispatcher.initialize_cudagraph_keys(mode, 1)
    return dispatcher


def graph_of(dispatcher, lengths, num_loras=0):
    """What a step is given whose requests have so many tokens, all of them decoding."""
    uniform = set(lengths) == {getattr(dispatcher, "uniform_decode_query_len", 1)}
    mode, graph = dispatcher.dispatch(
        sum(lengths), uniform, has_lora=num_loras > 0, num_active_loras=num_loras
    )
    return mode.name, graph


def drafted(dispatcher, lengths, num_loras=0):
    """What a step is given whose requests have drafts, but for those of one token."""
    drafts = {str(row): [7] * (length - 1) for row, length in enumerate(lengths) if length > 1}
    dispatcher.turn_to_drafts(drafts)
    mode, graph = graph_of(dispatcher, lengths, num_loras)
    return mode, graph.num_tokens


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
@pytest.mark.parametrize("lora", [False, True], ids=["no_lora", "lora"])
def test_steps_without_drafts_have_the_graphs_of_an_engine_without(configure, mode, lora):
    plain = plain_dispatcher(configure(lora=lora), mode)
    sam = sam_dispatcher(configure(SAM, lora=lora), mode)
    decodes = [[1] * size for size in range(1, 34)]
    prompts = [[4], [4, 4], [17], [1, 1, 9], [40]]
    for step in decodes + prompts:
        sam.turn_to_drafts({})
        assert graph_of(sam, step, lora) == graph_of(plain, step, lora)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_whole_drafts_have_full_graphs(configure, mode):
    sam = sam_dispatcher(configure(SAM), mode)
    found = {size: drafted(sam, [4] * size) for size in (1, 2, 3, 5, 8)}
    assert found == {
        1: ("FULL", 4),
        2: ("FULL", 8),
        3: ("FULL", 16),
        5: ("FULL", 24),
        8: ("FULL", 32),
    }


def test_ragged_drafts_have_piecewise_graphs(configure):
    sam = sam_dispatcher(configure(SAM), CUDAGraphMode.FULL_AND_PIECEWISE)
    assert drafted(sam, [4, 4, 1, 2]) == ("PIECEWISE", 16)
    assert drafted(sam, [3, 3]) == ("PIECEWISE", 8)
    assert drafted(sam, [4] * 9) == ("NONE", 36)


def test_each_length_of_a_schedule_has_graphs(configure, monkeypatch):
    if not hasattr(configure(SAM).speculative_config, "num_speculative_tokens_per_batch_size"):
        pytest.skip("this release has no schedule by batch size")
    schedule = {"num_speculative_tokens_per_batch_size": [[1, 2, 3], [3, 6, 1], [7, 16, 0]]}
    monkeypatch.delenv(THRESHOLD, raising=False)
    config = configure(SAM | schedule)
    assert widest_batches(config) == {4: 2, 2: 6}
    sam = sam_dispatcher(config, CUDAGraphMode.FULL_AND_PIECEWISE)
    assert drafted(sam, [4, 4]) == ("FULL", 8)
    assert drafted(sam, [2] * 6) == ("FULL", 12)
    assert drafted(sam, [2] * 7) == ("PIECEWISE", 16)


@pytest.mark.parametrize(
    "support", [AttentionCGSupport.UNIFORM_SINGLE_TOKEN_DECODE, AttentionCGSupport.NEVER]
)
def test_a_backend_that_cannot_capture_drafts_keeps_the_other_graphs(configure, support):
    sam = sam_dispatcher(configure(SAM), CUDAGraphMode.FULL_AND_PIECEWISE, support)
    assert drafted(sam, [4, 4]) == ("PIECEWISE", 8)
    sam.turn_to_drafts({})
    assert graph_of(sam, [1] * 5)[0] == "FULL"


def test_ranks_that_share_the_data_pad_to_the_same_sizes(configure):
    config = configure(SAM)
    config.parallel_config.data_parallel_size = 2
    sam = sam_dispatcher(config, CUDAGraphMode.FULL_AND_PIECEWISE)
    assert drafted(sam, [4] * 3) == ("PIECEWISE", 16)


def test_ranks_that_share_the_tokens_have_as_many_each(configure):
    config = configure(SAM | {"num_speculative_tokens": 2}, sizes=[4, 8, 16])
    config.parallel_config.tensor_parallel_size = 4
    if not hasattr(config.compilation_config.pass_config, "enable_sp"):
        pytest.skip("this release has no sequence parallelism")
    config.compilation_config.pass_config.enable_sp = True
    sam = sam_dispatcher(config, CUDAGraphMode.FULL_AND_PIECEWISE)
    assert drafted(sam, [3] * 2) == ("FULL", 12)
    assert drafted(sam, [3] * 5) == ("PIECEWISE", 16)


def test_a_graph_is_captured_with_its_own_length(configure):
    sam = sam_dispatcher(configure(SAM), CUDAGraphMode.FULL_AND_PIECEWISE)
    lengths = {}
    for mode, graphs in sam.get_capture_descs():
        for graph in graphs:
            length = sam.turn_to_graph(graph)
            found, chosen = sam.dispatch(graph.num_tokens, graph.uniform)
            assert (found, chosen) == (mode, graph)
            lengths.setdefault((mode.name, length), []).append(graph.num_tokens)
    assert {key: sorted(sizes) for key, sizes in lengths.items()} == {
        ("PIECEWISE", 1): SIZES,
        ("FULL", 1): [1, 2, 4, 8, 16],
        ("FULL", 4): [4, 8, 16, 24, 32],
    }


def sizes_of(config):
    """Let vLLM choose sizes as for an engine on a GPU."""
    config.model_config.enforce_eager = False
    compilation = config.compilation_config
    compilation.cudagraph_mode = CUDAGraphMode.FULL_AND_PIECEWISE
    compilation.cudagraph_capture_sizes = compilation.max_cudagraph_capture_size = None
    config._set_cudagraph_sizes()
    return compilation.cudagraph_capture_sizes


@pytest.mark.parametrize("max_num_seqs", [64, 256, 1024])
@pytest.mark.parametrize("longest", [2, 3])
def test_sizes_are_those_of_an_engine_without_speculation(configure, max_num_seqs, longest):
    options = {"max_num_seqs": max_num_seqs, "max_num_batched_tokens": 8192}
    sam = configure(SAM | {"num_speculative_tokens": longest}, **options)
    assert sizes_of(sam) == sizes_of(configure(**options))


def test_there_is_room_for_the_drafts_of_few_requests(configure):
    """Drafts of 32 requests are 256 tokens; without speculation the largest graph has 80."""
    options = {"max_num_seqs": 40, "max_num_batched_tokens": 8192}
    sam = configure(SAM | {"num_speculative_tokens": 7}, **options)
    assert largest_graph(sam) == 256
    assert set(sizes_of(configure(**options))) < set(sizes_of(sam))


def test_without_a_threshold_any_batch_drafts(configure, monkeypatch):
    monkeypatch.setenv(THRESHOLD, "0")
    assert widest_batches(configure(SAM)) == {4: 16}


@pytest.mark.parametrize(
    ("sizes", "length", "widest", "expected"),
    [
        ([1, 2, 4, 8], 4, 2, [4, 8]),
        ([1, 2, 4, 8], 3, 2, [3, 6]),
        ([1, 2, 4, 8], 3, 99, [3, 6]),
        ([1, 2, 4, 8], 9, 5, []),
        ([], 4, 5, []),
        ([8, 16], 3, 4, [9, 12]),
    ],
)
def test_sizes_of_whole_drafts_are_whole_requests(sizes, length, widest, expected):
    assert whole_draft_sizes(sizes, length, widest) == expected


def test_sizes_of_whole_drafts_are_shared_evenly():
    assert whole_draft_sizes([4, 8, 16, 32], 3, 99, ranks=4) == [12, 24]


@needs("drafts verified on a CPU")
def test_the_runner_dispatches_with_it(start_engine):
    assert isinstance(model_runner(start_engine(SAM)).cudagraph_dispatcher, SamGraphDispatcher)
