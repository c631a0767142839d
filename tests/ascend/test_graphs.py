"""Graphs of vLLM-Ascend's runner on an emulated device, with a stand-in for capture and replay.

Nothing is captured here, and nothing ran on Ascend hardware.
"""

import json
from collections import Counter

import pytest
import torch

from testing.registry import require

require("full graphs for whole drafts")

from specroll_speculation.ledger import VARIABLE
from vllm_ascend.compilation import acl_graph

from bench.lib.measures.ledgers import differences, read_steps, reason
from testing.engine import SAM, generate
from testing.engine_fixtures import THRESHOLD
from testing.npu_emulator.graphs import COMPILATION, use_graphs

BOTH = pytest.mark.parametrize("overlapping", [False, True], ids=["sync", "async"])


@pytest.fixture
def steps_of(monkeypatch, start_engine, prompts, tmp_path):
    """Lets an engine with graphs answer the prompts; returns tokens and the ledger of steps."""
    use_graphs(monkeypatch)
    for module in (torch, torch.cuda, torch.npu):
        monkeypatch.setattr(module, "Event", module.Event)

    def run(
        name,
        speculation=None,
        *,
        texts=prompts,
        max_tokens=40,
        compilation=COMPILATION,
        **options,
    ):
        monkeypatch.setenv(VARIABLE, str(tmp_path / name))
        # A process has one engine on hardware, and its graphs one set of arguments.
        monkeypatch.setattr(acl_graph, "_graph_params", None)
        monkeypatch.setattr(acl_graph, "_draft_graph_params", None)
        engine = start_engine(
            speculation, enforce_eager=False, compilation_config=compilation, **options
        )
        tokens = generate(engine, texts, max_tokens=max_tokens)
        return tokens, read_steps(tmp_path / name)

    return run


@BOTH
def test_whole_drafts_run_in_full_graphs(steps_of, cpu_tokens, overlapping):
    tokens, steps = steps_of("sam", SAM, async_scheduling=overlapping, max_tokens=100)
    assert tokens == cpu_tokens
    assert sum(step.accepted_tokens for step in steps) > 0
    graphs = Counter((step.graph, step.tokens / step.requests) for step in steps)
    assert graphs["FULL", 4] > 0
    assert graphs["FULL", 1] > 0


@BOTH
def test_drafts_are_filled_up_where_that_is_cheaper(
    steps_of, prompts, cpu_tokens, overlapping, tmp_path
):
    sizes = COMPILATION["cudagraph_capture_sizes"]
    costs = {"whole": dict.fromkeys(sizes, 1.0), "ragged": dict.fromkeys(sizes, 2.0)}
    (tmp_path / "costs.json").write_text(json.dumps(costs))
    method = SAM | {"sam_step_costs": str(tmp_path / "costs.json")}
    # Whole drafts of eight requests are as many tokens as the largest graph has.
    options = {"texts": prompts[:8], "async_scheduling": overlapping}
    tokens, steps = steps_of("sam", method, **options)
    assert tokens == [answer[:40] for answer in cpu_tokens[:8]]
    drafted = [step for step in steps if step.draft_tokens]
    assert {reason(step) for step in drafted if step.graph != "FULL"} <= {"with prompts"}
    assert drafted


@BOTH
def test_steps_above_the_threshold_are_those_of_an_engine_without(
    steps_of, monkeypatch, overlapping
):
    monkeypatch.setenv(THRESHOLD, "4")
    limits = [40] * 3 + [30] * 9
    options = {"async_scheduling": overlapping, "max_tokens": limits}
    plain_tokens, plain = steps_of("none", **options)
    tokens, sam = steps_of("sam", SAM, **options)
    assert tokens == plain_tokens
    assert differences(plain, sam, threshold=4) == []
    assert sum(step.requests > 4 for step in sam) > 20
    assert {step.graph for step in plain if step.tokens == step.requests} == {"FULL"}


def test_graphs_of_any_step_serve_drafts(steps_of, cpu_tokens):
    compilation = {**COMPILATION, "cudagraph_mode": "FULL"}
    tokens, steps = steps_of("sam", SAM, compilation=compilation)
    assert tokens == [answer[:40] for answer in cpu_tokens]
    assert "FULL" in {step.graph for step in steps if step.draft_tokens}
