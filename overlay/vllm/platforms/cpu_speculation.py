"""Speculation on a CPU, for a vLLM that cannot do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vllm.config import VllmConfig


def refuse_speculation(config: VllmConfig) -> None:
    """Refuse an engine that would speculate on a CPU, whose runner cannot verify drafts.

    Raises:
        ValueError: speculation is configured.
    """
    if config.speculative_config is not None:
        raise ValueError(
            "This vLLM cannot speculate on a CPU: its rejection sampler needs Triton, and its "
            "attention there takes a request with drafts for one new token. Remove "
            "speculative_config, or use a GPU or an NPU."
        )
