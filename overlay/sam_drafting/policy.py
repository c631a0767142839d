"""How far to draft: while the next draft token is likely enough to be accepted.

A draft token has three features: how long the match is that it continues, the share of the votes
that it has, and how many occurrences agree on it. A table counts how often tokens with the same
features were right. It learns from the text as it comes, whether or not a draft was proposed or
verified: what is no longer proposed goes on being learnt.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sam_drafting.kernels import kernel

Float64Array: TypeAlias = npt.NDArray[np.float64]

# Upper ends of the classes of match lengths, vote shares and agreeing occurrences; all that is
# above the last is one class more.
LENGTH_CLASSES = (1, 2, 3, 4, 5, 6, 8, 12, 20, 40, 63)
SHARE_CLASSES = (0.5, 0.75, 0.999)
SUPPORT_CLASSES = (1, 3, 7)
NUM_CELLS = (len(LENGTH_CLASSES) + 1) * (len(SHARE_CLASSES) + 1) * (len(SUPPORT_CLASSES) + 1)

# Columns of the table.
OBSERVED, RIGHT = range(2)
# Share of right tokens for each class of match lengths before anything is observed, measured on
# recorded reasoning (`bench/acceptance.py`), and the number of observations that it counts for.
PRIOR = (0.27, 0.44, 0.49, 0.53, 0.58, 0.63, 0.68, 0.74, 0.79, 0.83, 0.88, 0.95)
PRIOR_WEIGHT = 8.0
# Counts are halved here, so that the table follows a model that is being trained.
LONGEST_MEMORY = 4096.0

# A decoding step of n tokens takes a + b * n: a to read the weights, b to compute a token. One more
# token adds b to a step whose tokens cost (a + b * n) / n each; it pays if it is accepted more
# often than the ratio, n / (n + a / b). For dense models in 16 bits a / b is the operations that an
# accelerator does while it reads a byte, which is 200 to 300 on current ones.
BREAK_EVEN_TOKENS = 256


def initial_table() -> Float64Array:
    """The table before anything is observed: [NUM_CELLS, 2]."""
    table = np.empty((NUM_CELLS, 2))
    table[:, OBSERVED] = PRIOR_WEIGHT
    table[:, RIGHT] = PRIOR_WEIGHT * np.repeat(PRIOR, NUM_CELLS // len(PRIOR))
    return table


def lowest_acceptance(min_acceptance: float, batch_size: int) -> float:
    """Acceptance below which a draft token costs a batch more than it brings."""
    return max(min_acceptance, batch_size / (batch_size + BREAK_EVEN_TOKENS))


@kernel
def class_of(value: float, upper_ends: tuple[float, ...]) -> int:
    """Number of the first class whose upper end is not below the value."""
    number = 0
    while number < len(upper_ends) and value > upper_ends[number]:
        number += 1
    return number


@kernel
def cell_of(length: int, share: float, support: int) -> int:
    """Row of the table for the features of a draft token."""
    cell = class_of(length, LENGTH_CLASSES)
    cell = cell * (len(SHARE_CLASSES) + 1) + class_of(share, SHARE_CLASSES)
    return cell * (len(SUPPORT_CLASSES) + 1) + class_of(support, SUPPORT_CLASSES)


@kernel
def expected_acceptance(table: Float64Array, cell: int) -> float:
    """Share of the tokens with these features that were right."""
    share: float = table[cell, RIGHT] / table[cell, OBSERVED]
    return share


@kernel
def learn(table: Float64Array, cell: int, is_right: bool) -> None:
    """Count a draft token with the features of a cell."""
    table[cell, OBSERVED] += 1.0
    if is_right:
        table[cell, RIGHT] += 1.0
    if table[cell, OBSERVED] > LONGEST_MEMORY:
        table[cell, OBSERVED] *= 0.5
        table[cell, RIGHT] *= 0.5
