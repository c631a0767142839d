"""The stand-in for graphs (testing/graph_stand_in.py) in vLLM's two model runners on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from vllm.config import CompilationMode, CUDAGraphMode, VllmConfig
from vllm.platforms import current_platform
from vllm.plugins import load_general_plugins
from vllm.v1.attention.backend import AttentionCGSupport
from vllm.v1.attention.backends.cpu_attn import CPUAttentionMetadataBuilder
from vllm.v1.worker import cpu_worker, gpu_model_runner, sam_step_costs
from vllm.v1.worker.gpu import cudagraph_utils, model_runner
from vllm.v1.worker.gpu.model_states.default import DefaultModelState

from testing.graph_stand_in import GraphedModel, check_shapes, shapes_of

# How an engine is asked for graphs whose steps all have few tokens.
COMPILATION = {
    "mode": CompilationMode.NONE,
    "cudagraph_mode": CUDAGraphMode.FULL_AND_PIECEWISE,
    "cudagraph_capture_sizes": [1, 2, 4, 8, 16, 24, 32],
}


def use_graphs(
    monkeypatch: pytest.MonkeyPatch,
    support: AttentionCGSupport = AttentionCGSupport.UNIFORM_BATCH,
) -> None:
    """Let engines of this process that ask for graphs have the stand-in's.

    Args:
        monkeypatch: takes it back when the test ends.
        support: for which steps the attention backend can be captured.
    """
    # The interpreter's plugin changes the platform for good: that comes first, and stays.
    load_general_plugins()
    monkeypatch.setattr(CPUAttentionMetadataBuilder, "_cudagraph_support", support)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (0, 0))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", _Graph, raising=False)
    monkeypatch.setattr(torch.cuda, "graph", lambda *_arguments, **_options: nullcontext())
    monkeypatch.setattr(type(current_platform), "_global_graph_pool", object())
    # The times of a stand-in mean nothing.
    monkeypatch.setattr(sam_step_costs, "measure_step_costs", lambda _runner: None)
    # Capturing ends with a lock on a workspace, which the worker of CPUs does not make.
    for module in (model_runner, gpu_model_runner):
        monkeypatch.setattr(module, "lock_workspace", lambda: None, raising=False)
    for module in (cudagraph_utils, gpu_model_runner):
        monkeypatch.setattr(module, "graph_capture", lambda **_options: nullcontext())
    _keep_graph_mode(monkeypatch)
    _capture_after_warmup(monkeypatch)
    _replay_in_second_runner(monkeypatch)


def _keep_graph_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the platform settle graphs as one of a GPU does, and keep what is asked for."""
    # Piecewise graphs without a compiler; here they are the model itself.
    monkeypatch.setenv("VLLM_USE_BREAKABLE_CUDAGRAPH", "1")
    monkeypatch.setattr(cudagraph_utils, "BreakableCUDAGraphWrapper", lambda model, _config: model)
    platform = type(current_platform)
    check = platform.check_and_update_config.__func__

    def check_and_update_config(cls: type, config: VllmConfig) -> None:
        compilation = config.compilation_config
        sizes, mode = compilation.cudagraph_capture_sizes, compilation.cudagraph_mode
        check(cls, config)
        compilation.cudagraph_capture_sizes, compilation.cudagraph_mode = sizes, mode
        compilation.mode = CompilationMode.NONE

    monkeypatch.setattr(platform, "check_and_update_config", classmethod(check_and_update_config))
    monkeypatch.setattr(platform, "support_static_graph_mode", lambda *_platform: True)


def _capture_after_warmup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the worker of CPUs capture graphs when that of GPUs does (v1/worker/gpu_worker.py)."""
    warm_up = cpu_worker.CPUWorker.compile_or_warm_up_model

    def warm_up_and_capture(worker: Any) -> Any:
        times = warm_up(worker)
        runner = worker.model_runner
        if isinstance(runner, gpu_model_runner.GPUModelRunner):
            runner.model = GraphedModel(runner.get_model())
            runner.get_model = runner.model.unwrap
        runner.capture_model()
        return times

    monkeypatch.setattr(cpu_worker.CPUWorker, "compile_or_warm_up_model", warm_up_and_capture)


class _Graph:
    """Stands for a torch.cuda.CUDAGraph; `forward` is filled in once it is captured."""

    def __init__(self) -> None:
        self.forward: Callable[[], None]

    def replay(self) -> None:
        self.forward()


def _replay_in_second_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the model at each replay on what the last step has prepared for attention."""
    prepared: dict[str, Any] = {}
    prepare = DefaultModelState.prepare_attn
    by_layer = model_runner.build_slot_mappings_by_layer
    set_context = cudagraph_utils.set_forward_context
    capture = cudagraph_utils.CudaGraphManager.capture

    def prepare_attn(*arguments: Any, **options: Any) -> dict[str, Any]:
        prepared["attention"] = prepare(*arguments, **options)
        return prepared["attention"]

    def build_slot_mappings_by_layer(*arguments: Any) -> dict[str, torch.Tensor]:
        prepared["slots"] = by_layer(*arguments)
        return prepared["slots"]

    def set_forward_context(attention: Any, config: VllmConfig, **options: Any) -> Any:
        if "replays" in prepared:
            check_shapes(
                prepared["replays"], shapes_of(attention), shapes_of(prepared["attention"])
            )
            attention = prepared["attention"]
            options["slot_mapping"] = prepared["slots"]
        return set_context(attention, config, **options)

    def capture_and_keep(manager: Any, create_forward: Callable[..., Any], *rest: Any) -> Any:
        forwards = {}

        def create_and_keep(graph: Any, **options: Any) -> Any:
            created = create_forward(graph, **options)
            forwards[graph] = created[0] if isinstance(created, tuple) else created
            return created

        states = capture(manager, create_and_keep, *rest)
        for graph, captured in manager.graphs.items():
            captured.forward = lambda graph=graph: replay(graph)

        def replay(graph: Any) -> None:
            prepared["replays"] = graph
            forwards[graph](CUDAGraphMode.NONE)
            del prepared["replays"]

        return states

    monkeypatch.setattr(DefaultModelState, "prepare_attn", prepare_attn)
    monkeypatch.setattr(model_runner, "build_slot_mappings_by_layer", build_slot_mappings_by_layer)
    monkeypatch.setattr(cudagraph_utils, "set_forward_context", set_forward_context)
    monkeypatch.setattr(cudagraph_utils.CudaGraphManager, "capture", capture_and_keep)
