"""Drafts for a whole batch from suffix automata, one a request, by one native call a step.

The reference for cost: what `SamDrafter` does, with the automaton as its index and without sharing.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from numba.typed import List
from sam_drafting.kernels.compilation import kernel
from sam_drafting.reference.automaton import (
    INITIAL_CAPACITY,
    NUM_TOKENS,
    ROOT,
    Arrays,
    allocate,
    copy_continuation,
    extend,
    longest_match,
    num_bytes,
    with_room_for,
)

from bench.lib.drafters.peers import Lengths
from bench.lib.samples.traces import Tokens

if TYPE_CHECKING:
    Automata: TypeAlias = List[Arrays]


@kernel
def create_automata() -> "Automata":
    """Return the automata of a drafter: one, unused, which gives the list its type."""
    automata = List()
    automata.append(allocate(1))
    return automata


@kernel
def open_slot(automata: "Automata") -> int:
    """Append an empty automaton; returns its slot."""
    automata.append(allocate(INITIAL_CAPACITY))
    return len(automata) - 1


@kernel
def empty_slot(automata: "Automata", slot: int) -> None:
    """Give the memory of an automaton back."""
    automata[slot] = allocate(1)


@kernel
def total_bytes(automata: "Automata") -> int:
    """Return the bytes reserved by all automata."""
    total = 0
    for slot in range(len(automata)):
        total += num_bytes(automata[slot])
    return total


@kernel
def draft_step(
    automata: "Automata",
    slots: npt.NDArray[np.int64],
    token_ids: Tokens,
    num_tokens: Tokens,
    draft_limits: Tokens,
    drafts: Tokens,
    draft_lengths: Tokens,
) -> None:
    """Take in and draft for every row; the newest token is looked up, not stored."""
    for row in range(slots.shape[0]):
        arrays = automata[slots[row]]
        num_stored = num_tokens[row] - 1
        if num_stored > arrays.text.shape[0]:
            arrays = with_room_for(arrays, num_stored)
            automata[slots[row]] = arrays
        extend(arrays, token_ids[row, arrays.counters[NUM_TOKENS] : num_stored])
        draft_lengths[row] = 0
        limit = min(draft_limits[row], drafts.shape[1])
        if limit > 0:
            newest = token_ids[row, num_stored]
            state, _ = longest_match(arrays, newest)
            if state != ROOT:
                copy_continuation(arrays, state, newest, drafts[row, :limit])
                draft_lengths[row] = limit


class AutomatonDrafter:
    """Keeps one automaton a request between the steps.

    >>> drafter = AutomatonDrafter(num_speculative_tokens=2)
    >>> text = np.array([[1, 2, 3, 1]], np.int32)
    >>> drafter.step(["request"], text, [4], [1], [2])
    [[2, 3]]
    """

    def __init__(self, num_speculative_tokens: int) -> None:
        """Make a drafter without requests."""
        self._longest_draft = num_speculative_tokens
        self._automata = create_automata()
        self._slots: dict[str, int] = {}

    @property
    def nbytes(self) -> int:
        """Bytes reserved for the automata of all requests."""
        return int(total_bytes(self._automata))

    def step(
        self,
        req_ids: Sequence[str],
        token_ids: Tokens,
        num_tokens: Lengths,
        num_prompt_tokens: Lengths,  # noqa: ARG002
        draft_limits: Lengths,
    ) -> list[list[int]]:
        """Take in what is new of each request, then draft."""
        for req_id in req_ids:
            if req_id not in self._slots:
                self._slots[req_id] = open_slot(self._automata)
        slots = np.array([self._slots[req_id] for req_id in req_ids], np.int64)
        drafts = np.empty((len(slots), self._longest_draft), np.int32)
        lengths = np.empty(len(slots), np.int32)
        draft_step(
            self._automata,
            slots,
            token_ids,
            np.asarray(num_tokens, np.int32),
            np.asarray(draft_limits, np.int32),
            drafts,
            lengths,
        )
        return [
            draft if length == len(draft) else draft[:length]
            for draft, length in zip(drafts.tolist(), lengths.tolist(), strict=True)
        ]

    def finish(self, req_ids: Iterable[str]) -> None:
        """Forget requests and give their memory back."""
        for req_id in req_ids:
            empty_slot(self._automata, self._slots.pop(req_id))
