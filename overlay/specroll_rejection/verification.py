"""Verify the drafts of a batch, greedily or at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from specroll_rejection.acceptance import accepts
from specroll_rejection.recovery import recover
from specroll_rejection.sampler import DraftGrid, sample


@dataclass(frozen=True)
class Drafts:
    """The drafts of a batch.

    Attributes:
        token_ids: [num_tokens].
        cu_num: [batch], where each request's drafts end.
        longest: the most drafts that a request has.
        probs: [num_tokens, vocabulary] float32, or None where drafts are not sampled.
    """

    token_ids: torch.Tensor
    cu_num: torch.Tensor
    longest: int
    probs: torch.Tensor | None = None

    def grid(self) -> DraftGrid:
        """Where the drafts stand."""
        return DraftGrid.of(self.cu_num, self.token_ids.shape[0], self.longest)


def verify_greedily(
    output_token_ids: torch.Tensor,
    drafts: Drafts,
    target_argmax: torch.Tensor,
    bonus_token_ids: torch.Tensor,
    rows: torch.Tensor | None = None,
) -> None:
    """Accept drafts that are the target's most likely tokens, [num_tokens] int64.

    `output_token_ids`, `bonus_token_ids` and `rows` are as in `sample`.
    """
    sample(
        output_token_ids,
        drafts.grid(),
        draft_token_ids=drafts.token_ids,
        accepted=drafts.token_ids == target_argmax,
        replacement=lambda tokens: target_argmax[tokens],
        bonus_token_ids=bonus_token_ids,
        rows=rows,
    )


def verify_randomly(
    output_token_ids: torch.Tensor,
    drafts: Drafts,
    target_probs: torch.Tensor,
    uniform_probs: torch.Tensor,
    replacement: Callable[[torch.Tensor], torch.Tensor],
    bonus_token_ids: torch.Tensor,
    rows: torch.Tensor | None = None,
    *,
    ratio_dtype: torch.dtype,
    candidate_ids: torch.Tensor | None = None,
) -> None:
    """Accept drafts so that tokens follow the target's probabilities.

    `output_token_ids`, `replacement`, `bonus_token_ids` and `rows` are as in `sample`, the other
    arguments as in `accepts`.
    """
    accepted = accepts(
        draft_token_ids=drafts.token_ids,
        draft_probs=drafts.probs,
        target_probs=target_probs,
        uniform_probs=uniform_probs,
        ratio_dtype=ratio_dtype,
        candidate_ids=candidate_ids,
    )
    sample(
        output_token_ids,
        drafts.grid(),
        draft_token_ids=drafts.token_ids,
        accepted=accepted,
        replacement=replacement,
        bonus_token_ids=bonus_token_ids,
        rows=rows,
    )


def recovered_from(
    drafts: Drafts, target_probs: torch.Tensor, exponentials: torch.Tensor
) -> Callable[[torch.Tensor], torch.Tensor]:
    """A `replacement` that recovers a token for one place of each request.

    Args:
        drafts: of the batch.
        target_probs: [num_tokens, vocabulary] float32.
        exponentials: [batch, vocabulary] float32, as in `recover`.
    """
    return lambda tokens: recover(
        tokens,
        draft_token_ids=drafts.token_ids,
        draft_probs=drafts.probs,
        target_probs=target_probs,
        exponentials=exponentials,
    )
