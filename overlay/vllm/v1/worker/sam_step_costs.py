"""What steps cost in the graphs of vLLM's first model runner, measured once they are captured."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import torch
from specroll_speculation.step_costs import StepCosts
from vllm.config.compilation import CUDAGraphMode
from vllm.config.sam import step_costs
from vllm.distributed.parallel_state import get_tp_group
from vllm.logger import init_logger

if TYPE_CHECKING:
    from vllm.forward_context import BatchDescriptor
    from vllm.v1.worker.gpu_model_runner import GPUModelRunner

logger = init_logger(__name__)

REPEATS = 3


def measure_step_costs(runner: GPUModelRunner) -> None:
    """Let a runner's drafter know what steps cost, where there is a choice.

    A user who says it knows better. Every rank runs the same steps; what the first one measures
    counts for all, for each must fill up the same drafts.

    Args:
        runner: with graphs that are captured, and `method="sam"`.
    """
    if step_costs(runner.speculative_config) is not None:
        return
    whole, ragged = graphs_to_measure(runner)
    if not (whole and ragged):
        return
    measured = StepCosts(
        "measured at start",
        whole={graph.num_tokens: milliseconds(runner, graph, whole=True) for graph in whole},
        ragged={graph.num_tokens: milliseconds(runner, graph, whole=False) for graph in ragged},
    )
    measured = get_tp_group().broadcast_object(measured)
    runner.drafter.step_costs = measured
    logger.info("Milliseconds of a step by its tokens, for drafts of sam: %s.", measured)


def graphs_to_measure(
    runner: GPUModelRunner,
) -> tuple[list[BatchDescriptor], list[BatchDescriptor]]:
    """Return the graphs for whole drafts, and those for as many tokens in ragged ones.

    Of graphs for different numbers of adapters, those without adapters, or with the fewest.
    """
    keys = runner.sam_graphs.cudagraph_keys
    graphs = [*keys[CUDAGraphMode.FULL], *keys[CUDAGraphMode.PIECEWISE]]
    fewest = min((graph.num_active_loras for graph in graphs), default=0)

    def chosen(mode: CUDAGraphMode) -> list[BatchDescriptor]:
        found = [graph for graph in keys[mode] if graph.num_active_loras == fewest]
        return sorted(found, key=lambda graph: graph.num_tokens)

    whole = [
        graph
        for graph in chosen(CUDAGraphMode.FULL)
        if graph.uniform and graph.num_tokens > graph.num_reqs
    ]
    largest = whole[-1].num_tokens if whole else 0
    return whole, [
        graph for graph in chosen(CUDAGraphMode.PIECEWISE) if graph.num_tokens <= largest
    ]


def milliseconds(runner: GPUModelRunner, graph: BatchDescriptor, *, whole: bool) -> float:
    """Return the median time of a step in a graph, with the host's part."""
    runner.uniform_decode_query_len = runner.sam_graphs.turn_to_graph(graph)
    times = []
    for _ in range(1 + REPEATS):
        torch.accelerator.synchronize()
        start = time.perf_counter()
        runner._dummy_run(
            graph.num_tokens,
            cudagraph_runtime_mode=CUDAGraphMode.FULL if whole else CUDAGraphMode.PIECEWISE,
            force_attention=True,
            uniform_decode=whole,
            skip_eplb=True,
            remove_lora=False,
            num_active_loras=graph.num_active_loras,
        )
        torch.accelerator.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[1:])
