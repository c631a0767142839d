"""Graphs of vLLM's second model runner with `method="sam"`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from vllm.config.compilation import CUDAGraphMode
from vllm.config.sam_graphs import draft_graphs
from vllm.v1.attention.backend import AttentionCGSupport
from vllm.v1.worker.gpu.cudagraph_utils import BatchExecutionDescriptor, ModelCudaGraphManager


class SamGraphManager(ModelCudaGraphManager):
    """Has the graphs that there are without speculation, and those for whole drafts."""

    @classmethod
    def over(cls, attention_support: AttentionCGSupport) -> Callable[..., SamGraphManager]:
        """Return what makes a manager as upstream makes its own.

        Args:
            attention_support: for which steps the attention backends can be captured.
        """
        return partial(cls, attention_support=attention_support)

    def __init__(
        self, *arguments: Any, attention_support: AttentionCGSupport, **options: Any
    ) -> None:
        """Choose which graphs to capture.

        Args:
            arguments: as of upstream's class,
            attention_support: for which steps the attention backends can be captured.
            options: as of upstream's class, with a length of query of 1.

        Raises:
            ValueError: the threshold in the environment is no whole number.
        """
        self._attention_support = attention_support
        super().__init__(*arguments, **options)

    def _init_candidates(self) -> None:
        """Choose the graphs, and those that a step of so many tokens may take, the best first."""
        super()._init_candidates()
        graphs = draft_graphs(self.vllm_config, self.cudagraph_mode, self._attention_support)
        for query_length, sizes in graphs.items():
            for num_loras in self.lora_capture_cases:
                self._add(query_length, sizes, num_loras)
        # The largest first: smaller ones share its memory, and the buffer of hidden states.
        for captured in self._capture_descs.values():
            captured.sort(key=lambda graph: -graph.num_tokens)

    def _add(self, query_length: int, sizes: list[int], num_loras: int) -> None:
        """Add graphs for whole drafts; each serves all steps down to the size before."""
        smallest = 1
        for size in sizes:
            graph = BatchExecutionDescriptor(
                cg_mode=CUDAGraphMode.FULL,
                num_tokens=size,
                num_reqs=size // query_length,
                uniform_token_count=query_length,
                num_active_loras=num_loras,
            )
            self._capture_descs.setdefault(CUDAGraphMode.FULL, []).append(graph)
            for num_tokens in range(smallest, size + 1):
                # A list of its own: upstream shares one among sizes.
                others = self._candidates.get((num_tokens, num_loras), [])
                self._candidates[num_tokens, num_loras] = [graph, *others]
            smallest = size + 1
