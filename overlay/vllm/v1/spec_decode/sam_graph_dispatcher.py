"""Graphs of vLLM's first model runner with `method="sam"`."""

from __future__ import annotations

from bisect import bisect_left
from itertools import product
from typing import TYPE_CHECKING

from vllm.config.compilation import CUDAGraphMode
from vllm.config.sam_graphs import draft_graphs
from vllm.forward_context import BatchDescriptor
from vllm.v1.cudagraph_dispatcher import CudagraphDispatcher

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from vllm.config import VllmConfig
    from vllm.v1.attention.backend import AttentionCGSupport


class SamGraphDispatcher(CudagraphDispatcher):
    """Knows the graphs that there are without speculation, and those for whole drafts.

    Upstream's own knows one length of query. Here it is set anew for each step, and for each graph
    that is captured.

    Attributes:
        uniform_decode_query_len: tokens a request in a step that a full graph may serve.
    """

    def __init__(self, vllm_config: VllmConfig, attention_support: AttentionCGSupport) -> None:
        """Know no graphs yet.

        Args:
            vllm_config: the engine's configuration.
            attention_support: for which steps the attention backends can be captured.
        """
        super().__init__(vllm_config)
        self.uniform_decode_query_len = 1
        self._attention_support = attention_support
        self._sizes: dict[int, list[int]] = {}

    def initialize_cudagraph_keys(
        self, cudagraph_mode: CUDAGraphMode, uniform_decode_query_len: int = 1
    ) -> None:
        """Fill in which graphs there are.

        Ranks that share the data must pad alike, to a size that all of them have: they have no
        graphs for drafts.

        Raises:
            ValueError: the threshold in the environment is no whole number.
        """
        self.uniform_decode_query_len = 1
        super().initialize_cudagraph_keys(cudagraph_mode, uniform_decode_query_len)
        self._sizes = {}
        if self.vllm_config.parallel_config.data_parallel_size == 1:
            support = self._attention_support
            self._sizes = draft_graphs(self.vllm_config, cudagraph_mode, support)
        for query_length, sizes in self._sizes.items():
            self.uniform_decode_query_len = query_length
            for size, num_loras in product(sizes, self._get_lora_cases()):
                graph = self._create_padded_batch_descriptor(size, True, num_loras > 0, num_loras)
                self.add_cudagraph_key(CUDAGraphMode.FULL, graph)
        self.uniform_decode_query_len = 1

    def turn_to_drafts(self, drafts: Mapping[str, Collection[int]]) -> int:
        """Choose the length of query of a step by its drafts, and return it.

        A prompt of as many tokens is no draft: without one, the length is 1.
        """
        longest = max(map(len, drafts.values()), default=0)
        return self._turn_to(1 + longest if 1 + longest in self._sizes else 1)

    def turn_to_graph(self, graph: BatchDescriptor) -> int:
        """Choose the length of query of a graph that is captured, and return it."""
        return self._turn_to(graph.num_tokens // graph.num_reqs if graph.uniform else 1)

    def _turn_to(self, query_length: int) -> int:
        self.uniform_decode_query_len = query_length
        return query_length

    def _create_padded_batch_descriptor(
        self, num_tokens: int, uniform_decode: bool, has_lora: bool, num_active_loras: int = 0
    ) -> BatchDescriptor:
        """Return what a step is padded to."""
        query_length = self.uniform_decode_query_len
        sizes = self._sizes.get(query_length, ())
        if not uniform_decode or not sizes or num_tokens > sizes[-1]:
            uniform_decode &= query_length == 1
            return super()._create_padded_batch_descriptor(
                num_tokens, uniform_decode, has_lora, num_active_loras
            )
        padded = sizes[bisect_left(sizes, num_tokens)]
        return BatchDescriptor(
            num_tokens=padded,
            num_reqs=padded // query_length,
            uniform=True,
            has_lora=has_lora,
            num_active_loras=num_active_loras,
        )
