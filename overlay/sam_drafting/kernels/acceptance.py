"""How likely a draft token is to be accepted, learnt from the text as it comes.

A draft token has three features: how long the match is that it continues, the share of the votes
that it has, and how many occurrences agree on it. A table counts how often tokens with the same
features were right. It learns whether or not a draft was proposed or verified: what is no longer
proposed goes on being learnt.
"""

from __future__ import annotations

import numpy as np

from sam_drafting.kernels.compilation import kernel
from sam_drafting.kernels.layout import DRAFT, DRAFTED, Float64Array, Int32Array

# Upper ends of the classes of match lengths, vote shares and agreeing occurrences; all that is
# above the last is one class more.
LENGTH_CLASSES = (1, 2, 3, 4, 5, 6, 8, 12, 20, 40, 63)
SHARE_CLASSES = (0.5, 0.75, 0.999)
SUPPORT_CLASSES = (1, 3, 7)
NUM_CELLS = (len(LENGTH_CLASSES) + 1) * (len(SHARE_CLASSES) + 1) * (len(SUPPORT_CLASSES) + 1)

# Columns of a cell.
OBSERVED, RIGHT = range(2)
# The row behind the cells, whose first column holds the chance of acceptance below which a draft
# ends.
BAR = NUM_CELLS

# Share of right tokens for each class of match lengths before anything is observed, measured on
# recorded reasoning (`bench/acceptance.py`), and the number of observations that it counts for.
PRIOR = (0.27, 0.44, 0.49, 0.53, 0.58, 0.63, 0.68, 0.74, 0.79, 0.83, 0.88, 0.95)
PRIOR_WEIGHT = 8.0
# Counts are halved here, so that the table follows a model that is being trained.
LONGEST_MEMORY = 4096.0


def initial_table() -> Float64Array:
    """Return the table before anything is observed, with a bar that no draft falls below.

    Returns:
        float64 [NUM_CELLS + 1, 2].
    """
    table = np.zeros((NUM_CELLS + 1, 2))
    table[:NUM_CELLS, OBSERVED] = PRIOR_WEIGHT
    table[:NUM_CELLS, RIGHT] = PRIOR_WEIGHT * np.repeat(PRIOR, NUM_CELLS // len(PRIOR))
    return table


def set_bar(table: Float64Array, lowest_acceptance: float) -> None:
    """Write the chance of acceptance below which a draft ends."""
    table[BAR, 0] = lowest_acceptance


@kernel
def class_of(value: float, upper_ends: tuple[float, ...]) -> int:
    """Return the number of the first class whose upper end is not below the value."""
    number = 0
    while number < len(upper_ends) and value > upper_ends[number]:
        number += 1
    return number


@kernel
def cell_of(length: int, share: float, support: int) -> int:
    """Return the row of the table for the features of a draft token."""
    cell = class_of(length, LENGTH_CLASSES)
    cell = cell * (len(SHARE_CLASSES) + 1) + class_of(share, SHARE_CLASSES)
    return cell * (len(SUPPORT_CLASSES) + 1) + class_of(support, SUPPORT_CLASSES)


@kernel
def expected_acceptance(table: Float64Array, cell: int) -> float:
    """Return the share of the tokens with these features that were right."""
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


@kernel
def learn_from(texts: Int32Array, table: Float64Array, text: int, tokens: Int32Array) -> None:
    """Compare the last draft of a text with the tokens that came, up to the first difference."""
    for i in range(min(texts[text, DRAFTED], tokens.shape[0])):
        is_right = texts[text, DRAFT + 2 * i] == tokens[i]
        learn(table, texts[text, DRAFT + 2 * i + 1], is_right)
        if not is_right:
            break
