"""What a row of decisions means: where it stops, and which of them could change that."""

import torch
from torch import Tensor


def accepted_length(accepted: Tensor, draft_mask: Tensor) -> Tensor:
    """Count the draft tokens before the first rejection.

    Args:
        accepted: True where a token is accepted, bool [rows, longest draft].
        draft_mask: True at draft tokens, from the left, False at padding behind them; same shape.

    Returns:
        int64 [rows]; a draft's length where nothing is rejected.
    """
    return (accepted & draft_mask).long().cumprod(1).sum(1)


def decisive(accepted: Tensor, match: Tensor, draft_mask: Tensor) -> Tensor:
    """Find the decisions that the outcome hangs on: at mismatches, up to the first rejection.

    A match is always accepted, and what comes after a rejection is never looked at.

    Args:
        accepted: as in `accepted_length`.
        match: True where draft and target are equal, bool [rows, longest draft].
        draft_mask: as in `accepted_length`.

    Returns:
        bool [rows, longest draft].
    """
    positions = torch.arange(accepted.shape[1], device=accepted.device)
    reached = positions <= accepted_length(accepted, draft_mask)[:, None]
    return reached & draft_mask & ~match
