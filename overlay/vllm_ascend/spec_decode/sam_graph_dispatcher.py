"""Graphs of vLLM-Ascend's model runner with `method="sam"`; never tested on Ascend hardware."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from vllm.v1.attention.backend import AttentionCGSupport
from vllm.v1.spec_decode.sam_graph_dispatcher import SamGraphDispatcher
from vllm_ascend.compilation import acl_graph

if TYPE_CHECKING:
    from vllm.config import CUDAGraphMode, VllmConfig
    from vllm.forward_context import BatchDescriptor
    from vllm_ascend.compilation.acl_graph import GraphParams


class NpuSamGraphDispatcher(SamGraphDispatcher):
    """Keeps the arguments of attention apart by length of query, beside what its base class does.

    A full graph of Ascend is given them anew before each replay. Upstream finds them by the padded
    number of tokens alone (`GraphParams` in vllm_ascend/compilation/acl_graph.py), and eight tokens
    may be those of eight requests, or of two with whole drafts.
    """

    def __init__(self, vllm_config: VllmConfig) -> None:
        """Know no graphs yet."""
        # Each backend in vllm_ascend/attention/ can be captured with drafts, or with anything.
        super().__init__(vllm_config, AttentionCGSupport.UNIFORM_BATCH)
        self._arguments: dict[int, GraphParams] = {}

    def get_capture_descs(self) -> list[tuple[CUDAGraphMode, list[BatchDescriptor]]]:
        """Return what is captured next, for which old arguments are no longer good."""
        self._arguments.clear()
        return super().get_capture_descs()

    def _turn_to(self, query_length: int) -> int:
        arguments = acl_graph._graph_params
        if arguments is not None:
            present = self.uniform_decode_query_len
            self._arguments.setdefault(present, arguments)
            self._arguments.setdefault(query_length, without_graphs(arguments))
            acl_graph._graph_params = self._arguments[query_length]
        return super()._turn_to(query_length)


def without_graphs(arguments: GraphParams) -> GraphParams:
    """Return arguments for the same sizes, of no graph yet."""
    empty: dict[str, Any] = {
        field.name: {
            size: [] if isinstance(value, list) else None
            for size, value in getattr(arguments, field.name).items()
        }
        for field in fields(arguments)
    }
    return type(arguments)(**empty)
