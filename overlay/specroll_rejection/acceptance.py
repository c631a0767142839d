"""Which drafts the target model accepts at random."""

from __future__ import annotations

import torch


def accepts(
    draft_token_ids: torch.Tensor,
    draft_probs: torch.Tensor | None,
    target_probs: torch.Tensor,
    uniform_probs: torch.Tensor,
    *,
    ratio_dtype: torch.dtype,
    candidate_ids: torch.Tensor | None = None,
) -> torch.Tensor:
    """Accept a draft with probability min(1, target / draft), by a uniform number for each.

    Args:
        draft_token_ids: [num_tokens]; a negative one is no token and never accepted.
        draft_probs: [num_tokens, vocabulary] float32, or None where drafts are not sampled.
        target_probs: [num_tokens, vocabulary] or [num_tokens, candidates] float32.
        uniform_probs: [num_tokens] float64, in which the comparison is made.
        ratio_dtype: in which target and draft are divided.
        candidate_ids: [num_tokens, candidates], the tokens that `target_probs` speaks of, where
            these are not the whole vocabulary; the others have probability 0.

    Returns:
        [num_tokens] bool.
    """
    is_token = draft_token_ids >= 0
    drafts = draft_token_ids.clamp(min=0).to(torch.int64).unsqueeze(1)
    if candidate_ids is None:
        target = target_probs.gather(1, drafts).squeeze(1)
    else:
        target = target_probs.masked_fill(candidate_ids != drafts, 0.0).sum(dim=1)
    if draft_probs is None:
        return is_token & (target >= uniform_probs)
    draft = draft_probs.gather(1, drafts).squeeze(1)
    ratio = target.to(ratio_dtype) / draft.to(ratio_dtype)
    return is_token & (draft > 0) & (ratio >= uniform_probs)


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
