"""A draft from the places where the end of a text occurred before.

The longest match in the request's own text, of several the latest, votes for the token that
followed it; so does every match in a text that shares the prompt. Votes weigh as the fourth power
of the match's length, the own one eightfold (tuned on recorded samples, `bench/acceptance.py`). The
token with most votes is drafted, the places that disagree drop out, and the rest vote on the next.
Without other texts this is the draft of the suffix automaton.
"""

from __future__ import annotations

import numpy as np

from sam_drafting.index import (
    FIRST,
    HEAD,
    NONE,
    NUM_PARTS,
    NUM_RESPONSES,
    OLDER,
    ORDER,
    PAGE_SHIFT,
    PROMPT,
    ROOT,
    TEXT,
    TOKEN,
    Int32Array,
    UInt64Array,
    column_of,
    find_keys,
    newest_position,
    position_after,
    position_before,
    row_of,
)
from sam_drafting.kernels import kernel
from sam_drafting.policy import Float64Array, cell_of, expected_acceptance

# Places of a chain that are looked at, newest first: so many for each response, and at most.
WALK_A_RESPONSE = 16
LONGEST_WALK = 64
# A match is not compared beyond this, and one of `LONG_ENOUGH` ends the search.
LONGEST_MATCH = 64
LONG_ENOUGH = 16
OWN_WEIGHT = 8.0

MAX_CANDIDATES = LONGEST_WALK + 1
# Row of the candidates that is the own match, and their columns.
OWN = 0
PLACE, LENGTH = range(2)


@kernel
def match_length(nodes: Int32Array, pages: Int32Array, first: int, second: int) -> int:
    """How many tokens up to two positions agree, at most `LONGEST_MATCH`."""
    length = 0
    while (
        length < LONGEST_MATCH
        and first != NONE
        and second != NONE
        and nodes[first, TOKEN] == nodes[second, TOKEN]
    ):
        length += 1
        first = position_before(pages, first)
        second = position_before(pages, second)
    return length


@kernel
def add_candidate(
    pages: Int32Array,
    text: int,
    root: int,
    candidates: Int32Array,
    count: int,
    place: int,
    length: int,
) -> int:
    """Put a match behind the others, or in row `OWN` if it is longer; returns the rows in use."""
    owner = pages[place >> PAGE_SHIFT, TEXT]
    is_own = owner in (text, root)
    row = OWN if is_own else count
    if not is_own or length > candidates[OWN, LENGTH]:
        candidates[row, PLACE] = place
        candidates[row, LENGTH] = length
    return max(count, row + 1)


@kernel
def walk_chain(
    nodes: Int32Array,
    pages: Int32Array,
    newest: int,
    head: int,
    text: int,
    root: int,
    longest_walk: int,
    candidates: Int32Array,
) -> int:
    """Find matches of `ORDER` tokens and more; returns the rows of the candidates in use."""
    count = 1
    place = head
    steps = 0
    while place != NONE and steps < longest_walk and candidates[OWN, LENGTH] < LONG_ENOUGH:
        length = match_length(nodes, pages, place, newest) if place != newest else 0
        if length >= ORDER:
            count = add_candidate(pages, text, root, candidates, count, place, length)
        place = np.int64(nodes[place, OLDER])
        steps += 1
    return count


@kernel
def find_candidates(
    nodes: Int32Array,
    pages: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    prompts: Int32Array,
    text: int,
    newest: int,
    known: Int32Array,
    candidates: Int32Array,
    keys: UInt64Array,
) -> int:
    """Find where the end of a text occurred before; returns the rows of the candidates in use.

    `known` is a match that goes on from an earlier step, of length 0 where there is none.
    """
    prompt = texts[text, PROMPT]
    root = prompts[prompt, ROOT]
    num_parts = prompts[prompt, NUM_PARTS]
    candidates[OWN, PLACE] = known[PLACE]
    candidates[OWN, LENGTH] = known[LENGTH] if known[LENGTH] >= LONG_ENOUGH else 0
    num_keys = find_keys(nodes, pages, newest, keys)
    count = 1
    if num_keys == ORDER:
        head = np.int64(table[row_of(prompts, prompt, num_parts, keys[ORDER - 1]), HEAD])
        longest_walk = min(WALK_A_RESPONSE * prompts[prompt, NUM_RESPONSES], LONGEST_WALK)
        count = walk_chain(nodes, pages, newest, head, text, root, longest_walk, candidates)
        num_keys = ORDER - 1
    if known[LENGTH] > candidates[OWN, LENGTH]:
        candidates[OWN] = known
    while num_keys > 0 and count == 1 and candidates[OWN, LENGTH] == 0:
        key = keys[num_keys - 1]
        place = np.int64(table[row_of(prompts, prompt, num_parts, key), column_of(key)])
        if place != NONE and place != newest:
            length = match_length(nodes, pages, place, newest)
            if length >= num_keys:
                count = add_candidate(pages, text, root, candidates, count, place, length)
        num_keys -= 1
    return count


@kernel
def place_after(
    nodes: Int32Array,
    pages: Int32Array,
    texts: Int32Array,
    text: int,
    root: int,
    newest: int,
    place: int,
) -> int:
    """The place behind another: a position, `~i` for token i of the draft, or NONE.

    The draft follows the text itself, so that a match which overlaps the end goes on periodically.
    """
    after = place - 1
    if place >= 0:
        after = position_after(nodes, pages, place)
        if after == NONE and place == newest:
            after = ~0
        elif after == NONE and pages[place >> PAGE_SHIFT, TEXT] == root:
            after = np.int64(texts[text, FIRST])
    return after


@kernel
def token_at(nodes: Int32Array, draft: Int32Array, place: int) -> int:
    """Token at a place."""
    token: int = nodes[place, TOKEN] if place >= 0 else draft[~place]
    return token


@kernel
def most_voted(
    nodes: Int32Array, draft: Int32Array, candidates: Int32Array, weights: Float64Array, count: int
) -> tuple[int, float]:
    """Token with most votes, of several the one of the newest place, and its votes."""
    best = -1
    most = 0.0
    for i in range(count):
        if weights[i] > 0.0:
            token = token_at(nodes, draft, candidates[i, PLACE])
            votes = 0.0
            for j in range(i, count):
                if weights[j] > 0.0 and token_at(nodes, draft, candidates[j, PLACE]) == token:
                    votes += weights[j]
            if votes > most:
                best, most = token, votes
    return best, most


@kernel
def draft_continuation(
    nodes: Int32Array,
    pages: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    prompts: Int32Array,
    text: int,
    known: Int32Array,
    acceptance: Float64Array,
    bar: float,
    candidates: Int32Array,
    weights: Float64Array,
    keys: UInt64Array,
    draft: Int32Array,
    cells: Int32Array,
) -> tuple[int, int]:
    """Draft what follows a text.

    Writes the draft, the cell of each of its tokens in the table `acceptance`, and the own match to
    `known`. Returns how many tokens are to be proposed, and how many were drafted: one more where
    the expected acceptance fell below the bar, so that this is learnt from too.
    """
    root = prompts[texts[text, PROMPT], ROOT]
    newest = newest_position(texts, text, root)
    proposed, drafted = 0, 0
    if newest == NONE:
        return proposed, drafted
    count = find_candidates(
        nodes, pages, table, texts, prompts, text, newest, known, candidates, keys
    )
    known[:] = candidates[OWN]
    for i in range(count):
        weights[i] = np.float64(candidates[i, LENGTH]) ** 4
    weights[OWN] *= OWN_WEIGHT
    chance = 1.0
    while drafted < draft.shape[0] and proposed == drafted:
        total = 0.0
        for i in range(count):
            if weights[i] > 0.0:
                place = candidates[i, PLACE]
                candidates[i, PLACE] = place_after(nodes, pages, texts, text, root, newest, place)
                if candidates[i, PLACE] == NONE:
                    weights[i] = 0.0
                total += weights[i]
        token, votes = most_voted(nodes, draft, candidates, weights, count)
        if votes == 0.0:
            break
        support, longest = 0, 0
        for i in range(count):
            if weights[i] > 0.0:
                if token_at(nodes, draft, candidates[i, PLACE]) == token:
                    support += 1
                    longest = max(longest, candidates[i, LENGTH])
                else:
                    weights[i] = 0.0
        draft[drafted] = token
        cells[drafted] = cell_of(longest + drafted, votes / total, support)
        chance *= expected_acceptance(acceptance, cells[drafted])
        drafted += 1
        if chance >= bar:
            proposed = drafted
    return proposed, drafted


@kernel
def follow(
    nodes: Int32Array,
    pages: Int32Array,
    texts: Int32Array,
    text: int,
    root: int,
    newest: int,
    tokens: Int32Array,
    known: Int32Array,
) -> None:
    """Let the own match go on over new tokens; its length becomes 0 where they differ.

    `newest` is the position that was the text's newest before they came.
    """
    place = np.int64(known[PLACE])
    for i in range(tokens.shape[0]):
        if known[LENGTH] > 0:
            place = place_after(nodes, pages, texts, text, root, newest, place)
            if place < 0 or nodes[place, TOKEN] != tokens[i]:
                known[LENGTH] = 0
    if known[LENGTH] > 0:
        known[PLACE] = place
        known[LENGTH] = min(known[LENGTH] + tokens.shape[0], LONGEST_MATCH)
