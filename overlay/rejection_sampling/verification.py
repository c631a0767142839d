"""Verify the drafts of a batch, greedily or at random."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from rejection_sampling.acceptance import accepts
from rejection_sampling.recovery import recover
from rejection_sampling.sampler import DraftGrid, sample


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


@dataclass(frozen=True)
class RandomNumbers:
    """What chance decides with.

    Attributes:
        uniform: [num_tokens] float64.
        exponential: [batch, vocabulary] float32.
    """

    uniform: torch.Tensor
    exponential: torch.Tensor


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
    accepted = drafts.token_ids == target_argmax
    sample(
        *(output_token_ids, drafts.grid(), drafts.token_ids, accepted),
        *(lambda tokens: target_argmax[tokens], bonus_token_ids, rows),
    )


def verify_randomly(
    output_token_ids: torch.Tensor,
    drafts: Drafts,
    target_probs: torch.Tensor,
    numbers: RandomNumbers,
    bonus_token_ids: torch.Tensor,
    rows: torch.Tensor | None = None,
    *,
    ratio_dtype: torch.dtype,
) -> None:
    """Accept drafts so that tokens follow the target's probabilities, [num_tokens, vocabulary].

    A token is recovered for one place of each request. `output_token_ids`, `bonus_token_ids` and
    `rows` are as in `sample`, `ratio_dtype` as in `accepts`.
    """
    accepted = accepts(
        *(drafts.token_ids, drafts.probs, target_probs, numbers.uniform), ratio_dtype=ratio_dtype
    )

    def recovered(tokens: torch.Tensor) -> torch.Tensor:
        return recover(tokens, drafts.token_ids, drafts.probs, target_probs, numbers.exponential)

    sample(
        *(output_token_ids, drafts.grid(), drafts.token_ids, accepted, recovered),
        *(bonus_token_ids, rows),
    )
