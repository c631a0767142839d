"""Which token the candidates are for.

Votes weigh as the fourth power of the match's length, the own one eightfold (tuned on recorded
samples, `bench/acceptance.py`).
"""

from __future__ import annotations

import numpy as np

from sam_drafting.kernels.compilation import kernel
from sam_drafting.kernels.layout import Float64Array, Int32Array
from sam_drafting.kernels.matching import CHOICE, MATCHED, NEXT, OWN, PLACE, VOTES, WEIGHT

OWN_WEIGHT = 8.0


@kernel
def weigh(candidates: Int32Array, weights: Float64Array, count: int) -> None:
    """Write the weight of each match."""
    for i in range(count):
        weights[i, WEIGHT] = np.float64(candidates[i, MATCHED]) ** 4
    weights[OWN, WEIGHT] *= OWN_WEIGHT


@kernel
def most_voted(candidates: Int32Array, weights: Float64Array, count: int) -> tuple[int, float]:
    """Find the token with most votes, of several the one of the newest place.

    Returns:
        The token, and its share of the votes, 0 to 1.
    """
    num_tokens = 0
    total = 0.0
    for i in range(count):
        which = 0
        while which < num_tokens and candidates[which, CHOICE] != candidates[i, NEXT]:
            which += 1
        if which == num_tokens:
            candidates[which, CHOICE] = candidates[i, NEXT]
            weights[which, VOTES] = 0.0
            num_tokens += 1
        weights[which, VOTES] += weights[i, WEIGHT]
        total += weights[i, WEIGHT]
    best = 0
    for which in range(1, num_tokens):
        if weights[which, VOTES] > weights[best, VOTES]:
            best = which
    return candidates[best, CHOICE], weights[best, VOTES] / total


@kernel
def keep_agreeing(
    candidates: Int32Array, weights: Float64Array, count: int, token: int
) -> tuple[int, int]:
    """Drop the candidates that vote for other tokens.

    Returns:
        How many candidates stay, and the length of the longest match among them.
    """
    kept, longest = 0, 0
    for i in range(count):
        if candidates[i, NEXT] == token:
            candidates[kept, PLACE] = candidates[i, PLACE]
            candidates[kept, MATCHED] = candidates[i, MATCHED]
            weights[kept, WEIGHT] = weights[i, WEIGHT]
            longest = max(longest, candidates[i, MATCHED])
            kept += 1
    return kept, longest
