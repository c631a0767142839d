"""The stand-in for graphs (testing/graph_stand_in.py) in vLLM-Ascend's model runner."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from vllm.config import CUDAGraphMode
from vllm.forward_context import get_forward_context
from vllm.v1.worker import sam_step_costs
from vllm_ascend.compilation.acl_graph import get_graph_params
from vllm_ascend.worker import model_runner_v1

from testing.graph_stand_in import GraphedModel, GraphError, Shapes, check_shapes

# How an engine is asked for graphs whose steps all have few tokens, and that need no compiler.
COMPILATION = {
    "cudagraph_mode": CUDAGraphMode.FULL_DECODE_ONLY,
    "cudagraph_capture_sizes": [1, 2, 4, 8, 16, 24, 32],
}


def use_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let engines of this process that ask for graphs have the stand-in's.

    Args:
        monkeypatch: takes it back when the test ends.
    """
    # Upstream wants a compiler for it, and the tests have none.
    monkeypatch.setattr(model_runner_v1.NPUModelRunner, "_use_aclgraph", lambda _runner: True)
    monkeypatch.setattr(model_runner_v1, "ACLGraphWrapper", _AclGraphedModel)
    monkeypatch.setattr(model_runner_v1, "update_full_graph_params", _check_arguments)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (0, 0))
    # The times of a stand-in mean nothing.
    monkeypatch.setattr(sam_step_costs, "measure_step_costs", lambda _runner: None)


class _AclGraphedModel(GraphedModel):
    """Stands for ACLGraphWrapper; each graph is put where attention puts its arguments."""

    def __init__(self, model: torch.nn.Module, *_arguments: Any, **_options: Any) -> None:
        super().__init__(model)

    def _check(self, graph: Any, captured: Shapes, prepared: Shapes) -> None:
        # Where a graph is for any step, attention's arguments name as many requests as there are.
        if graph.uniform:
            check_shapes(graph, captured, prepared)

    def _capture(self, graph: Any, shapes: Shapes) -> None:
        super()._capture(graph, shapes)
        get_graph_params().attn_params[graph.num_tokens].append(graph)


def _check_arguments(_backend: Any, _stream: Any, _context: Any, num_tokens: int, *_: Any) -> None:
    """Stand for what gives attention its arguments before a replay.

    Raises:
        GraphError: the arguments are those of another graph.
    """
    graph, found = (
        get_forward_context().batch_descriptor,
        get_graph_params().attn_params[num_tokens],
    )
    if found != [graph]:
        raise GraphError(f"{graph} would be replayed with the arguments of {found}")
