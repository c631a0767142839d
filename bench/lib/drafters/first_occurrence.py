"""A suffix automaton that copies on from where a match occurred first, as simpler ones do."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sam_drafting.kernels.compilation import kernel
from sam_drafting.reference.automaton import (
    INITIAL_CAPACITY,
    NUM_CLONES,
    NUM_TOKENS,
    ROOT,
    Arrays,
    allocate,
    append,
    longest_match,
    with_room_for,
)

from bench.lib.samples.traces import Tokens


@kernel
def first_end(firsts: Tokens, state: int) -> int:
    """Return how many tokens there are up to the end of a state's first occurrence.

    A prefix ends where it says; a clone, `~clone` in `firsts`, where what it was cloned from does.
    """
    return state if state >= ROOT else firsts[~state]


@kernel
def extend(arrays: Arrays, firsts: Tokens, tokens: Tokens) -> None:
    """Add `tokens` to the text."""
    text, states, groups, edges, buckets, counters = arrays
    for token in tokens:
        original, _ = longest_match(arrays, token)
        num_clones = counters[NUM_CLONES]
        append(text, states, groups, edges, buckets, counters, token)
        if counters[NUM_CLONES] > num_clones:
            firsts[num_clones] = first_end(firsts, original)


@kernel
def copy_on(arrays: Arrays, firsts: Tokens, newest: int, draft: Tokens) -> int:
    """Fill `draft` with what followed the longest match; returns how many tokens there were."""
    state, _ = longest_match(arrays, newest)
    if state == ROOT:
        return 0
    start = first_end(firsts, state)
    count = min(draft.shape[0], arrays.counters[NUM_TOKENS] - start)
    draft[:count] = arrays.text[start : start + count]
    return count


class FirstOccurrenceSAM:
    """Suffix automaton of one growing text, and the drafts that it proposes.

    >>> text = FirstOccurrenceSAM(num_speculative_tokens=2)
    >>> text.add_tokens(np.array([1, 2, 3, 1, 4], np.int32))
    >>> text.draft(1)
    [2, 3]
    """

    def __init__(self, num_speculative_tokens: int) -> None:
        """Make an empty automaton."""
        self._draft = np.empty(num_speculative_tokens, np.int32)
        self._arrays = allocate(INITIAL_CAPACITY)
        self._firsts = np.empty(INITIAL_CAPACITY, np.int32)

    def __len__(self) -> int:
        """Return how many tokens the text has."""
        return int(self._arrays.counters[NUM_TOKENS])

    def add_tokens(self, tokens: npt.NDArray[np.int32]) -> None:
        """Append `tokens` to the text."""
        self._arrays = with_room_for(self._arrays, len(self) + len(tokens))
        if len(self._firsts) < len(self._arrays.text):
            # A token makes at most one clone.
            self._firsts = np.resize(self._firsts, len(self._arrays.text))
        extend(self._arrays, self._firsts, tokens)

    def draft(self, newest: int) -> Sequence[int]:
        """Draft what follows the text and the token `newest`."""
        count = copy_on(self._arrays, self._firsts, newest, self._draft)
        return self._draft[:count].tolist()
