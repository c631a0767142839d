"""The suffix automaton of one text, as a class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sam_drafting.arguments import as_integer, checked_draft_length, checked_tokens
from sam_drafting.reference.automaton import (
    INITIAL_CAPACITY,
    NUM_CLONES,
    NUM_TOKENS,
    ROOT,
    allocate,
    clear,
    copy_continuation,
    extend,
    longest_match,
    num_bytes,
    with_room_for,
)


class SAM:
    """Suffix automaton of one growing text, and the drafts that it proposes.

    >>> sam = SAM(num_speculative_tokens=3)
    >>> sam.add_tokens([5, 6, 7, 8, 5])
    >>> index, length = sam.lookup(6)  # "5 6" occurred before
    >>> length, sam.gen_draft(index, 6)
    (2, [7, 8, 5])
    """

    def __init__(self, num_speculative_tokens: int) -> None:
        """Make an empty automaton whose drafts have `num_speculative_tokens` tokens.

        Raises:
            ValueError: `num_speculative_tokens` is below 1.
        """
        self.num_speculative_tokens = checked_draft_length(num_speculative_tokens)
        self._arrays = allocate(INITIAL_CAPACITY)

    def __len__(self) -> int:
        """Return how many tokens the text has."""
        return int(self._arrays.counters[NUM_TOKENS])

    @property
    def nbytes(self) -> int:
        """Bytes reserved for the automaton."""
        return num_bytes(self._arrays)

    def add_tokens(self, tokens: Sequence[int] | npt.NDArray[np.integer]) -> None:
        """Append `tokens` to the text.

        Raises:
            TypeError, ValueError: as `checked_tokens`; nothing is appended then.
        """
        array = checked_tokens(tokens)
        self._arrays = with_room_for(self._arrays, len(self) + len(array))
        extend(self._arrays, array)

    def lookup(self, token: int) -> tuple[int, int]:
        """Find the longest suffix of text + `token` that occurs in the text, which stays as it is.

        Returns:
            Its state, a row of the automaton's memory that is good until tokens are added, and its
            length; (0, 0) where the token never occurred.

        Raises:
            TypeError, ValueError: as `checked_tokens`.
        """
        state, length = longest_match(self._arrays, checked_tokens([token])[0])
        return int(state) % len(self._arrays.states), int(length)

    def gen_draft(self, index: int, start_token: int) -> list[int]:
        """Return what followed a match at its latest occurrence.

        Args:
            index: the match, as `lookup(start_token)` returned it.
            start_token: the token that was looked up; the draft begins behind it.

        Returns:
            `num_speculative_tokens` tokens, or none without a match. A match that reaches the end
            of the text is continued periodically.

        Raises:
            TypeError: `index` is no integer.
            ValueError: `index` is not a state of the automaton.
        """
        index = as_integer(index)
        first_clone = len(self._arrays.states) - self._arrays.counters[NUM_CLONES]
        if not (0 <= index <= len(self) or first_clone <= index < len(self._arrays.states)):
            raise ValueError(f"{index} is no state of this automaton: use the index of lookup()")
        if index == ROOT:
            return []
        draft = np.empty(self.num_speculative_tokens, np.int32)
        copy_continuation(self._arrays, index, checked_tokens([start_token])[0], draft)
        tokens: list[int] = draft.tolist()
        return tokens

    def reset(self) -> None:
        """Forget the text and keep the memory."""
        clear(self._arrays)
