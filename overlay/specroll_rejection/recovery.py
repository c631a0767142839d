"""What takes the place of a rejected draft."""

from __future__ import annotations

import math

import torch

from specroll_rejection.batch import Target
from specroll_rejection.expansion import requests_of_tokens


def recover(
    tokens: torch.Tensor,
    draft_token_ids: torch.Tensor,
    draft_probs: torch.Tensor | None,
    target: Target,
    exponentials: torch.Tensor,
) -> torch.Tensor:
    """Sample from what the target model expects beyond the draft, by exponential numbers.

    The argmax of p / q with q exponential is a sample of p (the Gumbel-max trick), for which p need
    not sum to 1.

    Args:
        tokens: [n] int64, for which of the batch's tokens.
        draft_token_ids: [num_tokens]; a negative one takes nothing away from the target.
        draft_probs: [num_tokens, vocabulary] float32, or None where drafts are not sampled.
        target: what it says at each draft.
        exponentials: [n, vocabulary] or [n, candidates] float32; a column whose number is 0 is
            not sampled, and its number changed.

    Returns:
        [n] int64, token ids.
    """
    residual, names = target.probs.index_select(0, tokens), target.candidate_ids
    if names is not None:
        names = names.index_select(0, tokens)
    if draft_probs is None:
        _take_token_away(residual, draft_token_ids.index_select(0, tokens).unsqueeze(1), names)
    else:
        residual.sub_(_columns(draft_probs.index_select(0, tokens), names)).clamp_(min=0.0)
    # Divided by 0, a probability of 0 would be no number, which an argmax picks.
    torch.nn.functional.threshold_(exponentials, 0.0, math.inf)
    best = residual.div_(exponentials).argmax(dim=1)
    return best if names is None else names.gather(1, best.unsqueeze(1)).squeeze(1)


def recover_all(
    cu_num_draft_tokens: torch.Tensor,
    draft_token_ids: torch.Tensor,
    draft_probs: torch.Tensor | None,
    target: Target,
    exponentials: torch.Tensor,
) -> torch.Tensor:
    """Recover a token for each draft of a batch, with the numbers of its request.

    Args:
        cu_num_draft_tokens: [batch], where each request's drafts end.
        draft_token_ids: as in `recover`.
        draft_probs: as in `recover`.
        target: as in `recover`.
        exponentials: [batch, vocabulary] or [batch, candidates] float32.

    Returns:
        [num_tokens] int64, token ids; any where a token lies beyond the last request's.
    """
    num_tokens, last = draft_token_ids.shape[0], exponentials.shape[0] - 1
    tokens = torch.arange(num_tokens, device=draft_token_ids.device)
    requests = requests_of_tokens(cu_num_draft_tokens, num_tokens).clamp(max=last)
    numbers = exponentials.index_select(0, requests)
    return recover(tokens, draft_token_ids, draft_probs, target, numbers)


def _take_token_away(
    residual: torch.Tensor, drafts: torch.Tensor, names: torch.Tensor | None
) -> None:
    if names is not None:
        residual.masked_fill_(names == drafts, 0.0)
        return
    columns = drafts.clamp(min=0).to(torch.int64)
    kept = residual.gather(1, columns).masked_fill_(drafts >= 0, 0.0)
    residual.scatter_(1, columns, kept)


def _columns(draft_probs: torch.Tensor, names: torch.Tensor | None) -> torch.Tensor:
    """Return the draft's probabilities of the tokens that the target's columns stand for."""
    if names is None:
        return draft_probs
    vocabulary = draft_probs.shape[1]
    found = draft_probs.gather(1, names.clamp(max=vocabulary - 1).to(torch.int64))
    return found.masked_fill_(names >= vocabulary, 0.0)
