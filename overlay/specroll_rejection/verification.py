"""Verify the drafts of a batch, greedily or at random."""

from __future__ import annotations

from collections.abc import Callable

import torch

from specroll_rejection.acceptance import accepts
from specroll_rejection.batch import Drafts, Output, Target
from specroll_rejection.recovery import recover
from specroll_rejection.sampler import sample


def verify_greedily(output: Output, drafts: Drafts, target_argmax: torch.Tensor) -> None:
    """Accept drafts that are the target's most likely tokens.

    Args:
        output: where the tokens go.
        drafts: of the batch.
        target_argmax: [num_tokens] int64.

    Example:
        >>> tokens = torch.full((2, 3), -1, dtype=torch.int32)
        >>> drafts = Drafts(torch.tensor([7, 8, 5]), torch.tensor([2, 3]), longest=2)
        >>> verify_greedily(Output(tokens, torch.tensor([9, 9])), drafts, torch.tensor([7, 4, 5]))
        >>> tokens.tolist()
        [[7, 4, -1], [5, 9, -1]]
    """
    sample(output, drafts, drafts.token_ids == target_argmax, lambda tokens: target_argmax[tokens])


def verify_randomly(
    output: Output,
    drafts: Drafts,
    target: Target,
    uniform_probs: torch.Tensor,
    replacement: Callable[[torch.Tensor], torch.Tensor],
    *,
    ratio_dtype: torch.dtype,
) -> None:
    """Accept drafts so that tokens follow the target's probabilities.

    Args:
        output: where the tokens go.
        drafts: of the batch.
        target: as in `accepts`.
        uniform_probs: as in `accepts`.
        replacement: as in `sample`.
        ratio_dtype: as in `accepts`.
    """
    accepted = accepts(drafts, target, uniform_probs, ratio_dtype=ratio_dtype)
    sample(output, drafts, accepted, replacement)


def recovered_from(
    drafts: Drafts, target: Target, exponentials: torch.Tensor
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Make a `replacement` that recovers a token for one place of each request.

    Args:
        drafts: of the batch.
        target: what it says of them.
        exponentials: [batch, vocabulary] float32, as in `recover`.
    """
    return lambda tokens: recover(tokens, drafts.token_ids, drafts.probs, target, exponentials)
