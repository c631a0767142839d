"""Which mismatches a verifier accepts: the scorer, and what it is compared with.

A policy is a bool array [rows, most stops - 1], True where the mismatch is accepted (see `Stops`).
Matches are accepted by all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from specroll_scorer.data.stops import BoolArray, Stops


def reject_all(stops: Stops) -> BoolArray:
    """Accept no mismatch, as exact-match verification does."""
    return np.zeros_like(stops.is_mismatch)


def accept_all(stops: Stops) -> BoolArray:
    """Accept every mismatch."""
    return np.ones_like(stops.is_mismatch)


def oracle(stops: Stops) -> BoolArray:
    """Accept all but the mismatches that do harm, which nobody knows beforehand."""
    return ~stops.harmful


def digit_rule(stops: Stops, text: Callable[[int], str]) -> BoolArray:
    """Accept mismatches between tokens without a digit.

    Args:
        stops: those of the drafts.
        text: the text of a token.
    """
    tokens = [np.stack([row.draft, row.target]) for row in stops.rows]
    known, places = np.unique(np.concatenate(tokens, axis=1), return_inverse=True)
    digits = np.array([any(letter.isdigit() for letter in text(int(token))) for token in known])
    in_either = digits[places.reshape(2, -1)].any(axis=0)
    ends = stops.lengths[:, -1].cumsum()
    return ~stops.at_mismatches(np.split(in_either, ends[:-1]))


def scorer(
    stops: Stops, probabilities: Sequence[npt.NDArray[np.floating]], threshold: float
) -> BoolArray:
    """Accept mismatches that the scorer finds acceptable with more than this probability.

    Args:
        stops: those of the drafts.
        probabilities: of acceptance, an array a row, with a number a draft position.
        threshold: 0 to 1.

    Raises:
        ValueError: there is not one probability for each position of each draft.
    """
    return stops.at_mismatches(probabilities) > threshold
