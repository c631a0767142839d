"""A stand-in for the capture and replay of graphs: it runs the model, and checks descriptors.

Nothing is captured, and nothing is faster. vLLM's own code chooses for which steps there are
graphs, prepares a dummy batch for each, and chooses a graph for each step. The stand-in runs the
model on what the step has prepared, padded as the graph is, and fails where the graph was not
captured, or where what was prepared has not the shapes that were captured: a device would then read
beyond what there is.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch
from vllm.compilation.monitor import validate_cudagraph_capturing_enabled
from vllm.config import CUDAGraphMode
from vllm.forward_context import get_forward_context

Shapes = dict[str, tuple[int, ...]]

# How the kernels of CPUs share the work: a GPU has no such tensor. And a part of a buffer, of which
# Ascend's graphs read as much as they were captured with.
UNPADDED = frozenset({"scheduler_metadata", "slot_mapping"})


class GraphError(Exception):
    """A step took a graph that was not captured, or not with what the step has prepared."""


def shapes_of(attention: dict[str, Any]) -> Shapes:
    """Return the shapes of the tensors that attention reads, by their names."""
    of_a_layer = next(iter(attention.values()))
    values = {field.name: getattr(of_a_layer, field.name) for field in fields(of_a_layer)}
    return {
        name: tuple(value.shape)
        for name, value in values.items()
        if isinstance(value, torch.Tensor) and name not in UNPADDED
    }


def check_shapes(graph: object, captured: Shapes, prepared: Shapes) -> None:
    """Compare what a step has prepared with what its graph was captured with.

    Raises:
        GraphError: a shape differs.
    """
    if captured != prepared:
        raise GraphError(f"{graph} was captured with {captured}, and the step has {prepared}")


class GraphedModel:
    """Stands for a model in its wrapper, CUDAGraphWrapper (vllm/compilation/cuda_graph.py)."""

    def __init__(self, model: torch.nn.Module) -> None:
        """Wrap a model, with no graph yet."""
        self._model = model
        self._captured: dict[Any, Shapes] = {}

    def __getattr__(self, name: str) -> Any:
        """Return what the model has by that name."""
        return getattr(self._model, name)

    def unwrap(self) -> torch.nn.Module:
        """Return the model itself."""
        return self._model

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Run the model, and check the full graph of the step where it has one.

        Raises:
            GraphError: the step has not prepared what the graph was captured with.
        """
        context = get_forward_context()
        graph = context.batch_descriptor
        if context.cudagraph_runtime_mode == CUDAGraphMode.FULL:
            shapes = shapes_of(context.attn_metadata)
            if graph not in self._captured:
                # As in CUDAGraphWrapper: what is new is captured, while that is allowed.
                validate_cudagraph_capturing_enabled()
                self._capture(graph, shapes)
            self._check(graph, self._captured[graph], shapes)
        return self._model(*arguments, **options)

    def _check(self, graph: Any, captured: Shapes, prepared: Shapes) -> None:
        check_shapes(graph, captured, prepared)

    def _capture(self, graph: Any, shapes: Shapes) -> None:
        self._captured[graph] = shapes
