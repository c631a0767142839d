"""Drafts for a whole batch of requests, each from an automaton of its own text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from numba.typed import List

from sam_drafting.automaton import (
    INITIAL_CAPACITY,
    NUM_TOKENS,
    ROOT,
    Arrays,
    Int32Array,
    allocate,
    clear,
    copy_continuation,
    extend,
    longest_match,
    num_bytes,
    with_room_for,
)
from sam_drafting.kernels import kernel
from sam_drafting.sam import checked_draft_length

if TYPE_CHECKING:
    Automata: TypeAlias = List[Arrays]

NO_FAULT = -1
INT32 = np.iinfo(np.int32)


@kernel
def create_automata() -> Automata:
    """The automata of a drafter: one, unused, which gives the list its type."""
    automata = List()
    automata.append(allocate(1))
    return automata


@kernel
def open_slot(automata: Automata) -> int:
    """Append an empty automaton; returns its slot."""
    automata.append(allocate(INITIAL_CAPACITY))
    return len(automata) - 1


@kernel
def empty_slot(automata: Automata, slot: int) -> None:
    """Give the memory of an automaton back."""
    automata[slot] = allocate(INITIAL_CAPACITY)


@kernel
def total_bytes(automata: Automata) -> int:
    """Bytes reserved by all automata."""
    total = 0
    for slot in range(len(automata)):
        total += num_bytes(automata[slot])
    return total


@kernel
def take_in(automata: Automata, slot: int, tokens: Int32Array) -> bool:
    """Bring an automaton up to all of `tokens` but the newest, which is looked up, not stored.

    Starts over where `tokens` is shorter than what was taken in, or differs at its last place.
    False, and nothing is taken in, where a new token is negative.
    """
    arrays = automata[slot]
    num_stored = max(tokens.shape[0] - 1, 0)
    taken = arrays.counters[NUM_TOKENS]
    if taken > num_stored or (taken > 0 and arrays.text[taken - 1] != tokens[taken - 1]):
        clear(arrays)
        taken = 0
    for position in range(taken, tokens.shape[0]):
        if tokens[position] < 0:
            return False
    if num_stored > arrays.text.shape[0]:
        arrays = with_room_for(arrays, num_stored)
        automata[slot] = arrays
    extend(arrays, tokens[taken:num_stored])
    return True


@kernel
def draft_step(
    automata: Automata,
    slots: npt.NDArray[np.int64],
    token_ids: Int32Array,
    num_tokens: Int32Array,
    draft_limits: Int32Array,
    drafts: Int32Array,
    draft_lengths: Int32Array,
) -> int:
    """Take in and draft for every row; returns the first row at fault, or `NO_FAULT`."""
    for row in range(slots.shape[0]):
        length = num_tokens[row]
        if length < 0 or length > token_ids.shape[1]:
            return row
        if not take_in(automata, slots[row], token_ids[row, :length]):
            return row
        draft_lengths[row] = 0
        limit = min(draft_limits[row], drafts.shape[1])
        if length == 0 or limit <= 0:
            continue
        arrays = automata[slots[row]]
        newest = token_ids[row, length - 1]
        state, _ = longest_match(arrays, newest)
        if state != ROOT:
            copy_continuation(arrays, state, newest, drafts[row, :limit])
            draft_lengths[row] = limit
    return NO_FAULT


class SamDrafter:
    """Drafts for batches of requests; keeps one automaton a request between the steps.

    >>> drafter = SamDrafter(num_speculative_tokens=2)
    >>> tokens = np.array([[5, 6, 7, 5, 6, 0]], np.int32)
    >>> drafter.step(["a"], tokens, num_tokens=[5], num_prompt_tokens=[5], draft_limits=2)
    [[7, 5]]
    """

    def __init__(self, num_speculative_tokens: int) -> None:
        """Make a drafter and compile its kernels (seconds the first time, then from disk).

        Raises:
            ValueError: `num_speculative_tokens` is below 1.
        """
        self.num_speculative_tokens = checked_draft_length(num_speculative_tokens)
        self._automata: Automata = create_automata()
        self._slots: dict[str, int] = {}
        self._free_slots: list[int] = [0]
        self._compile()

    def _compile(self) -> None:
        self.step(["compile"], np.zeros((1, 2), np.int32), [2], [1], 1)
        self.finish(["compile"])

    @property
    def nbytes(self) -> int:
        """Bytes reserved for the automata of all requests."""
        return int(total_bytes(self._automata))

    def __len__(self) -> int:
        """Requests that have an automaton."""
        return len(self._slots)

    def step(
        self,
        req_ids: Sequence[str],
        token_ids: Int32Array,
        num_tokens: npt.ArrayLike,
        num_prompt_tokens: npt.ArrayLike,
        draft_limits: npt.ArrayLike,
    ) -> list[list[int]]:
        """Take in what is new of each request, then draft.

        A request is known by its id alone: it may change rows, be absent for some steps, and
        bring any number of new tokens. Where there are fewer than were seen before, or the last of
        those has changed, its automaton starts over; a change further back is not looked for.

        Args:
            req_ids: one id a request of the batch.
            token_ids: int32 [batch or more, max_len]; row i begins with the tokens of request i.
            num_tokens: [batch] tokens of each request, prompt and output.
            num_prompt_tokens: [batch] how many of them are the prompt.
            draft_limits: most draft tokens a request, an int or [batch]; 0 only takes in. Never
                more than `num_speculative_tokens` are drafted.

        Returns:
            Draft tokens a request, in new lists that the caller may keep and change.

        Raises:
            TypeError: `token_ids` is no int32 array, or the numbers are no integers.
            ValueError: shapes that do not fit the batch, a number of tokens that does not fit
                `token_ids`, or a negative token id. Requests before the one at fault have
                taken their tokens in; the next step goes on from there.
        """
        batch_size = len(req_ids)
        if not isinstance(token_ids, np.ndarray) or token_ids.dtype != np.int32:
            kind = getattr(token_ids, "dtype", type(token_ids).__name__)
            raise TypeError(f"token_ids must be an int32 array, not {kind}")
        if token_ids.ndim != 2 or token_ids.shape[0] < batch_size:
            raise ValueError(
                f"token_ids must have a row for each of {batch_size} requests, "
                f"not shape {token_ids.shape}"
            )
        lengths = _one_per_request("num_tokens", num_tokens, batch_size)
        _one_per_request("num_prompt_tokens", num_prompt_tokens, batch_size)
        if not (token_ids.flags.c_contiguous and token_ids.flags.writeable):
            token_ids = token_ids.copy()  # the layout that the kernels are compiled for
        if np.ndim(draft_limits) == 0:
            draft_limits = np.full(batch_size, draft_limits)
        limits = _one_per_request("draft_limits", draft_limits, batch_size)
        slots = np.array([self._slot_of(req_id) for req_id in req_ids], np.int64)
        drafts = np.empty((batch_size, self.num_speculative_tokens), np.int32)
        draft_lengths = np.empty(batch_size, np.int32)
        fault = draft_step(self._automata, slots, token_ids, lengths, limits, drafts, draft_lengths)
        if fault != NO_FAULT:
            raise ValueError(_describe_fault(req_ids[fault], token_ids[fault], lengths[fault]))
        return [
            row[:length]
            for row, length in zip(drafts.tolist(), draft_lengths.tolist(), strict=True)
        ]

    def finish(self, req_ids: Iterable[str]) -> None:
        """Forget requests and give their memory back; ids that are not known are passed over."""
        for req_id in req_ids:
            slot = self._slots.pop(req_id, None)
            if slot is not None:
                empty_slot(self._automata, slot)
                self._free_slots.append(slot)

    def _slot_of(self, req_id: str) -> int:
        slot = self._slots.get(req_id)
        if slot is None:
            slot = self._free_slots.pop() if self._free_slots else open_slot(self._automata)
            self._slots[req_id] = slot
        return slot


def _one_per_request(name: str, values: npt.ArrayLike, batch_size: int) -> Int32Array:
    array = np.asarray(values)
    if array.shape != (batch_size,):
        raise ValueError(f"{name} must have one entry for each of {batch_size} requests")
    if array.dtype != np.int32 and batch_size:
        if array.dtype.kind not in "iu":
            raise TypeError(f"{name} must be integers, not {array.dtype}")
        if array.min() < INT32.min or array.max() > INT32.max:
            raise ValueError(f"{name} has a number beyond {INT32.max}")
    return np.ascontiguousarray(array, np.int32)


def _describe_fault(req_id: str, tokens: Int32Array, num_tokens: int) -> str:
    if not 0 <= num_tokens <= len(tokens):
        return f"request {req_id!r} has num_tokens {num_tokens}, its row holds {len(tokens)}"
    position = int(np.argmax(tokens[:num_tokens] < 0))
    return f"request {req_id!r} has the negative token id {tokens[position]} at {position}"
