"""What a scorer says of the draft tokens of many rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from specroll_scorer.data.rows import Row
from specroll_scorer.model.scoring_actor import ACCEPT, NO_CHOICE, ScoringActor
from specroll_scorer.progress import progress


@torch.no_grad()
def scorer_probabilities(
    model: ScoringActor, rows: Sequence[Row], batch_tokens: int = 16_384
) -> list[npt.NDArray[np.float32]]:
    """Find the probability of acceptance at each draft position.

    The model is left in evaluation mode, on the device it is on.

    Args:
        model: the scorer.
        rows: with a context of one token at least.
        batch_tokens: tokens of a batch, padding included; a longer row is a batch of its own.

    Returns:
        float32 [draft length] for each row, 1 at matches.
    """
    model.eval()
    found: dict[int, npt.NDArray[np.float32]] = {}
    lengths = [len(row.context) + len(row.draft) for row in rows]
    for batch in progress([*batches(lengths, batch_tokens)], "scoring"):
        members = [rows[i] for i in batch]
        found.update(zip(batch, _of_batch(model, members), strict=True))
    return [found[i] for i in range(len(rows))]


def batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Put rows of like length together, the longest first, so that little is padding.

    Args:
        lengths: of the rows, in tokens.
        batch_tokens: most tokens of a batch, padding included, unless a row alone has more.

    Yields:
        The numbers of a batch's rows.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    start = 0
    while start < len(order):
        size = max(1, batch_tokens // lengths[order[start]])
        yield order[start : start + size]
        start += size


def _of_batch(model: ScoringActor, rows: Sequence[Row]) -> list[npt.NDArray[np.float32]]:
    inputs = {name: torch.from_numpy(array) for name, array in _padded(rows).items()}
    logits = model(**{name: tensor.to(model.device) for name, tensor in inputs.items()}).logits
    accept = logits.float().softmax(-1)[..., ACCEPT].cpu().numpy()
    starts = [len(row.context) - 1 for row in rows]
    # The entry in front of a token is about the token.
    return [
        line[start : start + len(row.draft)]
        for line, start, row in zip(accept, starts, rows, strict=True)
    ]


def _padded(rows: Sequence[Row]) -> dict[str, npt.NDArray[np.generic]]:
    """Return what the model reads, each int64 [rows, longest]; padding is on the right."""
    shape = len(rows), max(len(row.context) + len(row.draft) for row in rows)
    tokens, attention = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    choices = np.full(shape, NO_CHOICE)
    for i, row in enumerate(rows):
        start, end = len(row.context), len(row.context) + len(row.draft)
        tokens[i, :end] = np.concatenate([row.context, row.draft])
        attention[i, :end] = 1
        choices[i, start:end] = row.target
    positions = np.broadcast_to(np.arange(shape[1]), shape).copy()
    return {
        "input_ids": tokens,
        "attention_mask": attention,
        "position_ids": positions,
        "target_ids": choices,
    }
