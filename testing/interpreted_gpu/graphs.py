"""A stand-in for the capture and replay of graphs: it runs the model, and checks descriptors.

Nothing is captured, and nothing is faster. vLLM's own code chooses for which steps there are
graphs, prepares a dummy batch for each, and chooses a graph for each step. The stand-in runs the
model on what the step has prepared, padded as the graph is, and fails where the graph was not
captured, or where what was prepared has not the shapes that were captured: a device would then read
beyond what there is.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import fields
from typing import Any

import pytest
import torch
from vllm.compilation.monitor import validate_cudagraph_capturing_enabled
from vllm.config import CompilationMode, CUDAGraphMode, VllmConfig
from vllm.forward_context import get_forward_context
from vllm.platforms import current_platform
from vllm.v1.attention.backend import AttentionCGSupport
from vllm.v1.attention.backends.cpu_attn import CPUAttentionMetadataBuilder
from vllm.v1.worker import cpu_worker, gpu_model_runner
from vllm.v1.worker.gpu import cudagraph_utils, model_runner
from vllm.v1.worker.gpu.model_states.default import DefaultModelState

Shapes = dict[str, tuple[int, ...]]

# How an engine is asked for graphs whose steps all have few tokens.
COMPILATION = {
    "mode": CompilationMode.NONE,
    "cudagraph_mode": CUDAGraphMode.FULL_AND_PIECEWISE,
    "cudagraph_capture_sizes": [1, 2, 4, 8, 16, 24, 32],
}


class GraphFault(Exception):
    """A step took a graph that was not captured, or not with what the step has prepared."""


def shapes_of(attention: dict[str, Any]) -> Shapes:
    """Return the shapes of the tensors that attention reads, by their names."""
    of_a_layer = next(iter(attention.values()))
    values = {field.name: getattr(of_a_layer, field.name) for field in fields(of_a_layer)}
    # How the kernels of CPUs share the work; a GPU has no such tensor.
    values.pop("scheduler_metadata", None)
    return {
        name: tuple(value.shape)
        for name, value in values.items()
        if isinstance(value, torch.Tensor)
    }


def check_shapes(graph: object, captured: Shapes, prepared: Shapes) -> None:
    """Compare what a step has prepared with what its graph was captured with.

    Raises:
        GraphFault: a shape differs.
    """
    if captured != prepared:
        raise GraphFault(f"{graph} was captured with {captured}, and the step has {prepared}")


def use_graphs(
    monkeypatch: pytest.MonkeyPatch,
    support: AttentionCGSupport = AttentionCGSupport.UNIFORM_BATCH,
) -> None:
    """Let engines of this process that ask for graphs have the stand-in's.

    Args:
        monkeypatch: takes it back when the test ends.
        support: for which steps the attention backend can be captured.
    """
    monkeypatch.setattr(CPUAttentionMetadataBuilder, "_cudagraph_support", support)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (0, 0))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", _Graph, raising=False)
    monkeypatch.setattr(torch.cuda, "graph", lambda *_arguments, **_options: nullcontext())
    monkeypatch.setattr(type(current_platform), "_global_graph_pool", object())
    # Capturing ends with a lock on a workspace, which the worker of CPUs does not make.
    monkeypatch.setattr(gpu_model_runner, "lock_workspace", lambda: None)
    for module in (cudagraph_utils, gpu_model_runner):
        monkeypatch.setattr(module, "graph_capture", lambda **_options: nullcontext())
    _keep_graph_mode(monkeypatch)
    _capture_after_warmup(monkeypatch)
    _replay_in_second_runner(monkeypatch)


def _keep_graph_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the platform settle graphs as one of a GPU does, and keep what is asked for."""
    # Piecewise graphs without a compiler, which the second runner's manager would capture itself.
    monkeypatch.setenv("VLLM_USE_BREAKABLE_CUDAGRAPH", "1")
    monkeypatch.setattr(cudagraph_utils, "is_breakable_cudagraph_enabled", lambda: False)
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
    """Let the worker of CPUs capture graphs when that of GPUs does (vllm/v1/worker/gpu_worker.py)."""
    warm_up = cpu_worker.CPUWorker.compile_or_warm_up_model

    def warm_up_and_capture(worker: Any) -> Any:
        times = warm_up(worker)
        runner = worker.model_runner
        if isinstance(runner, gpu_model_runner.GPUModelRunner):
            runner.model = _GraphedModel(runner.get_model())
            runner.get_model = lambda: runner.model.unwrapped
        runner.capture_model()
        return times

    monkeypatch.setattr(cpu_worker.CPUWorker, "compile_or_warm_up_model", warm_up_and_capture)


class _GraphedModel:
    """Stands for the model of the first runner in CUDAGraphWrapper (vllm/compilation/cuda_graph.py)."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.unwrapped = model
        self._captured: dict[object, Shapes] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unwrapped, name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        context = get_forward_context()
        graph = context.batch_descriptor
        if context.cudagraph_runtime_mode == CUDAGraphMode.FULL:
            shapes = shapes_of(context.attn_metadata)
            check_shapes(graph, self._captured_shapes(graph, shapes), shapes)
        return self.unwrapped(*arguments, **options)

    def _captured_shapes(self, graph: object, shapes: Shapes) -> Shapes:
        if graph not in self._captured:
            # As in CUDAGraphWrapper: what is new is captured, while that is allowed.
            validate_cudagraph_capturing_enabled()
            self._captured[graph] = shapes
        return self._captured[graph]


class _Graph:
    """Stands for a torch.cuda.CUDAGraph of the second runner; `forward` is filled in once captured."""

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
            check_shapes(prepared["replays"], shapes_of(attention), shapes_of(prepared["attention"]))
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
