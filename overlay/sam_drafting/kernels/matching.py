"""The candidates for a draft: where the end of a text occurred before, and how much of it.

The longest match in the request's own text, of several the latest, is one candidate; so is every
match in a text that shares the prompt. Where there is no match of a pair, recent places of all
prompts are (`recent.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sam_drafting.kernels.chains import LONG_ENOUGH, LONGEST_WALK, longest_walk
from sam_drafting.kernels.compilation import inlined_kernel, kernel
from sam_drafting.kernels.layout import (
    MATCH_LENGTH,
    MATCH_PLACE,
    NONE,
    NUM_RESPONSES,
    PROMPT,
    TOKEN,
    Float64Array,
    Int32Array,
    Memory,
)
from sam_drafting.kernels.pages import position_before, text_of
from sam_drafting.kernels.recent import PLACES_A_ROW, is_stored, recent_row
from sam_drafting.kernels.table import latest_place

# A match is not compared beyond this.
LONGEST_MATCH = 64

MAX_CANDIDATES = LONGEST_WALK + 1 + PLACES_A_ROW
# Row of the candidates that is the own match.
OWN = 0
# Columns of the candidates: where the match is, how long, and the token that it votes for. CHOICE
# holds the different ones of those tokens, and VOTES theirs.
PLACE, MATCHED, NEXT, CHOICE = range(4)
WEIGHT, VOTES = range(2)


class Ballot(NamedTuple):
    """Scratch memory for one draft after the other.

    Attributes:
        candidates: int32 [MAX_CANDIDATES, 4].
        weights: float64 [MAX_CANDIDATES, 2].
    """

    candidates: Int32Array
    weights: Float64Array


@kernel
def match_length(nodes: Int32Array, first: int, second: int) -> int:
    """Count the tokens up to two positions that agree, at most `LONGEST_MATCH`."""
    length = 0
    while (
        length < LONGEST_MATCH
        and first != NONE
        and second != NONE
        and nodes[first, TOKEN] == nodes[second, TOKEN]
    ):
        length += 1
        first = position_before(nodes, first)
        second = position_before(nodes, second)
    return length


@kernel
def add_candidate(
    nodes: Int32Array,
    texts: Int32Array,
    text: int,
    candidates: Int32Array,
    count: int,
    place: int,
    length: int,
) -> int:
    """Put a match behind the others, or in row `OWN` if it is an own one and longer.

    Returns:
        The rows of the candidates in use.
    """
    prompt = texts[text, PROMPT]
    is_own = texts[prompt, NUM_RESPONSES] == 1
    if not is_own:
        owner = text_of(nodes, place)
        is_own = owner in (text, prompt)
    row = OWN if is_own else count
    if not is_own or length > candidates[OWN, MATCHED]:
        candidates[row, PLACE] = place
        candidates[row, MATCHED] = length
    return max(count, row + 1)


@kernel
def compare_chain(
    nodes: Int32Array,
    texts: Int32Array,
    text: int,
    newest: int,
    chain: Int32Array,
    candidates: Int32Array,
) -> int:
    """Find matches of a pair and more at the places of a chain.

    Returns:
        The rows of the candidates in use.
    """
    count = 1
    for i in range(longest_walk(texts, text)):
        place = np.int64(chain[i])
        if place == NONE or candidates[OWN, MATCHED] >= LONG_ENOUGH:
            break
        length = match_length(nodes, place, newest) if place != newest else 0
        if length >= 2:
            count = add_candidate(nodes, texts, text, candidates, count, place, length)
    return count


@inlined_kernel
def add_latest(memory: Memory, text: int, newest: int, candidates: Int32Array, count: int) -> int:
    """Put the latest place of the newest token behind the others, if it is known.

    Returns:
        The rows of the candidates in use.
    """
    nodes, texts = memory.nodes, memory.texts
    token = nodes[newest, TOKEN]
    place = latest_place(memory.table, texts, texts[text, PROMPT], token)
    if place != NONE and place != newest and nodes[place, TOKEN] == token:
        length = match_length(nodes, place, newest)
        count = add_candidate(nodes, texts, text, candidates, count, place, length)
    return count


@inlined_kernel
def add_recent(memory: Memory, newest: int, candidates: Int32Array, count: int) -> int:
    """Put recent matches with any prompt behind the others, if none of those is a pair or longer.

    Returns:
        The rows of the candidates in use.
    """
    nodes, recent = memory.nodes, memory.recent
    longest = 0
    for i in range(count):
        longest = max(longest, candidates[i, MATCHED])
    row = recent_row(nodes, recent, newest) if longest < 2 else NONE
    if row != NONE:
        for i in range(recent.shape[1]):
            place = np.int64(recent[row, i])
            if place != newest and is_stored(nodes, memory.texts, place):
                length = match_length(nodes, place, newest)
                if length >= 2:
                    candidates[count, PLACE] = place
                    candidates[count, MATCHED] = length
                    count += 1
    return count


@inlined_kernel
def find_candidates(
    memory: Memory, text: int, newest: int, chain: Int32Array, candidates: Int32Array
) -> int:
    """Find where the end of a text occurred before.

    The own match of the last draft may go on; its length is 0 where it does not.

    Args:
        memory: all texts.
        text: a response that is not empty, or whose prompt is not.
        newest: position of its newest token.
        chain: int32 [LONGEST_WALK], places of the pair that ends it, as `walk_chains` writes them.
        candidates: int32 [MAX_CANDIDATES, 4], to be written.

    Returns:
        The rows of the candidates in use.
    """
    texts = memory.texts
    known = texts[text, MATCH_LENGTH]
    candidates[OWN, PLACE] = texts[text, MATCH_PLACE]
    candidates[OWN, MATCHED] = known if known >= LONG_ENOUGH else 0
    count = compare_chain(memory.nodes, texts, text, newest, chain, candidates)
    if known > candidates[OWN, MATCHED]:
        candidates[OWN, PLACE] = texts[text, MATCH_PLACE]
        candidates[OWN, MATCHED] = known
    if count == 1 and candidates[OWN, MATCHED] == 0:
        count = add_latest(memory, text, newest, candidates, count)
    return add_recent(memory, newest, candidates, count)
