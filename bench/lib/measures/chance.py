"""Could chance explain how two methods differ that were measured in pairs?

If a method makes no difference, the two figures of a pair could as well have come in the other
order: a permutation test by swaps within pairs (R. A. Fisher, The Design of Experiments, 1935,
section 21).
"""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

MOST_SWAPS = 2**13
ROUNDING = 1e-12

Difference = Callable[[np.ndarray, np.ndarray], float]


def share_as_different(difference: Difference, some: np.ndarray, others: np.ndarray) -> float:
    """Return in which share of all swaps the groups differ as much as they do.

    `some` and `others` have a row a pair. All swaps are tried, or as many as are affordable: what
    was measured, and others drawn at random.
    """
    observed = difference(some, others)
    as_different = [
        difference(np.where(swap, others, some), np.where(swap, some, others))
        >= observed - ROUNDING
        for swap in swaps(len(some), some.ndim)
    ]
    return float(np.mean(as_different))


def swaps(pairs: int, dimensions: int) -> Iterator[np.ndarray]:
    """Yield which pairs are swapped, shaped for rows of so many dimensions; none of them first."""
    shape = (pairs, *[1] * (dimensions - 1))
    if 2**pairs <= MOST_SWAPS:
        yield from (np.array(swap).reshape(shape) for swap in product((False, True), repeat=pairs))
    else:
        rng = np.random.default_rng(0)
        yield np.zeros(shape, bool)
        yield from (rng.random(shape) < 0.5 for _ in range(MOST_SWAPS - 1))


def smallest(pairs: int) -> float:
    """Return what the share of so many pairs cannot fall below: all is as measured in one swap."""
    return max(2.0**-pairs, 1 / MOST_SWAPS)
