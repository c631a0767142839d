"""The suffix automaton of one text, as a class."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import numpy as np
import numpy.typing as npt

from sam_drafting.automaton import (
    INITIAL_CAPACITY,
    NUM_CLONES,
    NUM_TOKENS,
    ROOT,
    Int32Array,
    allocate,
    clear,
    copy_continuation,
    extend,
    longest_match,
    num_bytes,
    with_room_for,
)

MAX_TOKEN_ID = int(np.iinfo(np.int32).max)


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
        """Tokens in the text."""
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
        """State and length of the longest suffix of text + `token` that occurs in the text.

        The automaton stays as it is. (0, 0) where the token never occurred. The state is a row of
        the automaton's memory, and good until tokens are added.

        Raises:
            TypeError, ValueError: as `checked_tokens`.
        """
        state, length = longest_match(self._arrays, checked_tokens([token])[0])
        return int(state) % len(self._arrays.states), int(length)

    def gen_draft(self, index: int, start_token: int) -> list[int]:
        """Tokens that followed the match `index` of `lookup(start_token)` at its latest occurrence.

        `start_token` is the token that was looked up; the draft begins behind it. A match that
        reaches the end of the text is continued periodically. Empty without a match.

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


def checked_draft_length(length: int) -> int:
    """The longest draft, as a Python integer.

    Raises:
        TypeError: it is no integer.
        ValueError: it is below 1.
    """
    if not isinstance(length, Integral):
        raise TypeError(f"num_speculative_tokens must be an integer, not {length!r}")
    if length < 1:
        raise ValueError(f"num_speculative_tokens must be at least 1, not {length}")
    return int(length)


def as_integer(value: object) -> int:
    """`value` as a Python integer; TypeError where it is none."""
    if not isinstance(value, Integral):
        raise TypeError(f"tokens and states must be integers, not {value!r}")
    return int(value)


def checked_tokens(tokens: Sequence[int] | npt.NDArray[np.integer]) -> Int32Array:
    """`tokens` as a one-dimensional int32 array.

    Raises:
        TypeError: not integers.
        ValueError: a token id below 0 or above `MAX_TOKEN_ID`, or more than one dimension.
    """
    if not isinstance(tokens, np.ndarray) or tokens.dtype == object:
        # Through Python's integers: numpy turns a list with a huge one into floats.
        tokens = np.array([as_integer(token) for token in tokens], object)
    if tokens.ndim != 1:
        raise ValueError(f"tokens must be one-dimensional, not of shape {tokens.shape}")
    if tokens.dtype.kind not in "iuO":
        raise TypeError(f"tokens must be integers, not {tokens.dtype}")
    outside = np.flatnonzero((tokens < 0) | (tokens > MAX_TOKEN_ID))
    if outside.size:
        position = outside[0]
        raise ValueError(
            f"token id {tokens[position]} at position {position} is outside 0 … {MAX_TOKEN_ID}"
        )
    return tokens.astype(np.int32)
