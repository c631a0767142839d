"""Graphs of both model runners: descriptors of upstream's own code, and engines with a stand-in.

Nothing is captured here, and nothing ran on a GPU.
"""

import json
from collections import Counter
from types import SimpleNamespace

import pytest

from testing.registry import require

require("full graphs for whole drafts")

import torch
from specroll_speculation.ledger import VARIABLE
from vllm.config import CUDAGraphMode
from vllm.engine.arg_utils import EngineArgs
from vllm.v1.attention.backend import AttentionCGSupport
from vllm.v1.worker import sam_step_costs
from vllm.v1.worker.gpu import cudagraph_utils
from vllm.v1.worker.gpu.cudagraph_utils import ModelCudaGraphManager
from vllm.v1.worker.gpu.spec_decode.sam_graph_manager import SamGraphManager

from bench.lib.measures.ledgers import compared, differences, read_steps, reason
from testing.engine import SAM, generate, model_runner
from testing.engine_fixtures import THRESHOLD
from testing.graph_stand_in import GraphError, check_shapes
from testing.interpreted_gpu.graphs import COMPILATION, use_graphs

MODES = [CUDAGraphMode.FULL_AND_PIECEWISE, CUDAGraphMode.FULL_DECODE_ONLY]


@pytest.fixture
def manage(engine_arguments, monkeypatch):
    """Makes the second runner's manager of graphs, without speculation or with `sam`."""
    monkeypatch.setattr(
        cudagraph_utils, "get_pp_group", lambda: SimpleNamespace(is_first_rank=1, is_last_rank=1)
    )
    monkeypatch.setattr(
        cudagraph_utils, "current_platform", SimpleNamespace(get_global_graph_pool=lambda: None)
    )

    def make(speculation, mode, support=AttentionCGSupport.UNIFORM_BATCH):
        arguments = EngineArgs(
            **engine_arguments | {"max_num_seqs": 16},
            speculative_config=dict(speculation) if speculation else None,
        )
        config = arguments.create_engine_config()
        sizes = list(COMPILATION["cudagraph_capture_sizes"])
        config.compilation_config.cudagraph_capture_sizes = sizes
        config.compilation_config.max_cudagraph_capture_size = max(sizes)
        make_manager = SamGraphManager.over(support) if speculation else ModelCudaGraphManager
        manager = make_manager(config, torch.device("cpu"), mode, decode_query_len=1)
        manager._graphs_captured = True
        return manager

    return make


def graph_of(manager, lengths):
    """What a step is given whose requests have so many tokens."""
    uniform = lengths[0] if len(set(lengths)) == 1 else None
    return manager.dispatch(len(lengths), sum(lengths), uniform, 0)


@pytest.mark.parametrize("graph_mode", MODES, ids=lambda mode: mode.name)
def test_steps_without_drafts_have_the_graphs_of_an_engine_without(manage, graph_mode):
    plain, sam = manage(None, graph_mode), manage(SAM, graph_mode)
    for step in [[1] * size for size in range(1, 34)] + [[17], [1, 1, 9], [40], [3, 3]]:
        assert graph_of(sam, step) == graph_of(plain, step)


@pytest.mark.parametrize("graph_mode", MODES, ids=lambda mode: mode.name)
def test_whole_drafts_have_full_graphs(manage, graph_mode):
    manager = manage(SAM, graph_mode)
    found = [graph_of(manager, [4] * size) for size in (1, 2, 3, 5, 8)]
    assert [graph.num_tokens for graph in found] == [4, 8, 16, 24, 32]
    assert {graph.cg_mode for graph in found} == {CUDAGraphMode.FULL}
    captured = [graph.num_tokens for graph in manager._capture_descs[CUDAGraphMode.FULL]]
    assert captured == sorted(captured, reverse=True)


def test_a_backend_that_cannot_capture_drafts_keeps_the_other_graphs(manage):
    support = AttentionCGSupport.UNIFORM_SINGLE_TOKEN_DECODE
    manager = manage(SAM, CUDAGraphMode.FULL_AND_PIECEWISE, support)
    assert graph_of(manager, [4, 4]).cg_mode == CUDAGraphMode.PIECEWISE
    assert graph_of(manager, [1] * 5).cg_mode == CUDAGraphMode.FULL


def test_the_stand_in_refuses_other_shapes_than_were_captured():
    captured = {"seq_lens": (8,)}
    check_shapes("a graph", captured, {"seq_lens": (8,)})
    with pytest.raises(GraphError, match=r"a graph was captured with .*8.*, and the step has .*4"):
        check_shapes("a graph", captured, {"seq_lens": (4,)})


@pytest.fixture
def steps_of(monkeypatch, start_engine, prompts, tmp_path):
    """Lets an engine with graphs answer prompts; returns tokens and the ledger of steps."""
    use_graphs(monkeypatch)
    monkeypatch.setattr(torch, "Event", torch.Event)
    monkeypatch.setattr(torch.cuda, "Event", torch.cuda.Event)

    def run(name, speculation=None, *, texts=prompts, max_tokens=40, **options):
        monkeypatch.setenv(VARIABLE, str(tmp_path / name))
        engine = start_engine(
            speculation,
            enforce_eager=False,
            compilation_config=COMPILATION,
            max_num_seqs=16,
            **options,
        )
        tokens = generate(engine, texts, max_tokens=max_tokens)
        return tokens, read_steps(tmp_path / name)

    return run


@pytest.fixture
def costs(tmp_path):
    """Writes step costs at which drafts are filled up always, or never; returns the option."""

    def write(*, fills_up):
        sizes = [4, 8, 16, 24, 32]
        whole, ragged = (dict.fromkeys(sizes, cost) for cost in (2.0, 3.0 if fills_up else 1.0))
        path = tmp_path / "costs.json"
        path.write_text(json.dumps({"whole": whole, "ragged": ragged}))
        return {"sam_step_costs": str(path)}

    return write


def test_whole_drafts_run_in_full_graphs(steps_of, mode, cpu_tokens):
    tokens, steps = steps_of("sam", SAM, **mode)
    assert tokens == [answer[:40] for answer in cpu_tokens]
    assert sum(step.accepted_tokens for step in steps) > 0
    graphs = Counter((step.graph, step.tokens // step.requests) for step in steps)
    assert graphs["FULL", 4] > 0


def test_drafts_are_filled_up_where_that_is_cheaper(steps_of, mode, cpu_tokens, costs):
    tokens, steps = steps_of("sam", SAM | costs(fills_up=True), **mode)
    assert tokens == [answer[:40] for answer in cpu_tokens]
    assert sum(step.accepted_tokens for step in steps) > 0
    drafted = [step for step in steps if step.draft_tokens]
    assert {reason(step) for step in drafted if step.graph != "FULL"} <= {"with prompts"}


@pytest.mark.parametrize("mode", ["sync", "first_runner"], indirect=True)
def test_drafts_are_not_filled_up_where_that_is_dearer(steps_of, mode, cpu_tokens, costs):
    """Where its steps overlap, the second runner always fills them up."""
    tokens, steps = steps_of("sam", SAM | costs(fills_up=False), **mode)
    assert tokens == [answer[:40] for answer in cpu_tokens]
    assert "ragged drafts" in {reason(step) for step in steps if step.draft_tokens}


def test_steps_above_the_threshold_are_those_of_an_engine_without(steps_of, monkeypatch, mode):
    monkeypatch.setenv(THRESHOLD, "2")
    limits = [40, 30, 30, 30, 30, 40]
    plain_tokens, plain = steps_of("none", max_tokens=limits, **mode)
    tokens, sam = steps_of("sam", SAM, max_tokens=limits, **mode)
    assert tokens == plain_tokens
    assert differences(plain, sam, threshold=2) == []
    assert sum(step.requests > 2 for step in sam) > 20
    assert {step.graph for step in plain if step.tokens == step.requests} == {"FULL"}


def test_prompts_of_a_drafts_length_are_no_drafts(steps_of, mode, prompts):
    """Six prompts of four tokens: with drafts of three, that is the length of a whole draft."""
    texts = [prompt[:4] for prompt in prompts if len(prompt) >= 4]
    options = {"texts": texts, "max_tokens": 8, "enable_prefix_caching": False, **mode}
    plain_tokens, (first, *_) = steps_of("none", **options)
    tokens, (same, *_) = steps_of("sam", SAM, **options)
    assert tokens == plain_tokens
    assert compared(same) == compared(first)
    assert same.tokens == 4 * len(texts)


def test_step_costs_are_measured_once_graphs_are_captured(monkeypatch, start_engine, first_runner):
    """That they are measured; what a stand-in's steps cost means nothing."""
    measure = sam_step_costs.measure_step_costs
    use_graphs(monkeypatch)
    monkeypatch.setattr(sam_step_costs, "measure_step_costs", measure)
    options = {"compilation_config": COMPILATION, "max_num_seqs": 16, "async_scheduling": True}
    engine = start_engine(SAM, enforce_eager=False, **options)
    costs = model_runner(engine).drafter.step_costs
    assert costs.source == "measured at start"
    assert list(costs.whole) == [4, 8, 16, 24, 32]
    assert list(costs.ragged) == COMPILATION["cudagraph_capture_sizes"]
    assert min(*costs.whole.values(), *costs.ragged.values()) > 0
