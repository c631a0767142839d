"""Which drafts the target model accepts at random."""

from __future__ import annotations

import torch

from specroll_rejection.batch import Drafts, Target


def accepts(
    drafts: Drafts, target: Target, uniform_probs: torch.Tensor, *, ratio_dtype: torch.dtype
) -> torch.Tensor:
    """Accept a draft with probability min(1, target / draft), by a uniform number for each.

    This is the rule of arXiv 2211.17192, algorithm 1.

    Args:
        drafts: of the batch; a negative token is never accepted.
        target: what it says of them.
        uniform_probs: [num_tokens] float64, in which the comparison is made.
        ratio_dtype: in which target and draft are divided.

    Returns:
        [num_tokens] bool.
    """
    is_token = drafts.token_ids >= 0
    tokens = drafts.token_ids.clamp(min=0).to(torch.int64)
    target_probs = target.of(tokens)
    if drafts.probs is None:
        return is_token & (target_probs >= uniform_probs)
    draft_probs = drafts.probs.gather(1, tokens.unsqueeze(1)).squeeze(1)
    ratio = target_probs.to(ratio_dtype) / draft_probs.to(ratio_dtype)
    return is_token & (draft_probs > 0) & (ratio >= uniform_probs)


def scaled_by_entropy(
    uniform_probs: torch.Tensor,
    target_probs: torch.Tensor,
    *,
    most: float,
    alpha: float,
    epsilon: float,
) -> torch.Tensor:
    """Lower the bar of acceptance where the target model itself is sure of little.

    Args:
        uniform_probs: [num_tokens] float64.
        target_probs: [num_tokens, vocabulary] float32.
        most: what the numbers are scaled by at most.
        alpha: how fast the scale falls with the entropy, exp(-alpha x entropy in nats).
        epsilon: keeps the logarithm finite.

    Returns:
        [num_tokens] float64.
    """
    entropy = -(target_probs * torch.log(target_probs + epsilon)).sum(dim=-1)
    return torch.exp(-entropy * alpha).clamp(max=most) * uniform_probs
