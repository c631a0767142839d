"""The drafter that a speculative configuration asks for."""

from __future__ import annotations

from typing import Protocol

from sam_drafting import SamDrafter


class Options(Protocol):
    """What is read of vLLM's `SpeculativeConfig`, with the options that a patch adds."""

    num_speculative_tokens: int
    sam_share_prompts: bool
    sam_history_tokens: int
    sam_min_acceptance: float


def drafter_for(options: Options) -> SamDrafter:
    """Return a new drafter without any text."""
    return SamDrafter(
        options.num_speculative_tokens,
        share_prompts=options.sam_share_prompts,
        history_tokens=options.sam_history_tokens,
        min_acceptance=options.sam_min_acceptance,
    )
