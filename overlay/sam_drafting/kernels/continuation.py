"""A draft from the places where the end of a text occurred before.

The longest match in the request's own text, of several the latest, votes for the token that
followed it; so does every match in a text that shares the prompt. Votes weigh as the fourth power
of the match's length, the own one eightfold (tuned on recorded samples, `bench/acceptance.py`). The
token with most votes is drafted, the places that disagree drop out, and the rest vote on the next.
Without other texts this is the draft of the suffix automaton, but for places too far back in a
chain. Where there is no match of a pair, recent places of all prompts vote (`recent.py`).
"""

from __future__ import annotations

import numpy as np

from sam_drafting.index import newest_position
from sam_drafting.kernels import kernel
from sam_drafting.layout import (
    DRAFT,
    DRAFTED,
    FIRST,
    MATCH_LENGTH,
    MATCH_PLACE,
    NONE,
    NUM_RESPONSES,
    OLDER,
    PROMPT,
    TOKEN,
    Int32Array,
)
from sam_drafting.pages import position_after, position_before, text_of
from sam_drafting.policy import Float64Array, cell_of, expected_acceptance, learn
from sam_drafting.recent import PLACES_A_ROW, is_stored, recent_row
from sam_drafting.table import latest_place, newest_place

# Places of a chain that are looked at, newest first: so many for each response, and at most.
WALK_A_RESPONSE = 16
LONGEST_WALK = 64
# A match is not compared beyond this, and one of `LONG_ENOUGH` ends the search.
LONGEST_MATCH = 64
LONG_ENOUGH = 16
OWN_WEIGHT = 8.0

MAX_CANDIDATES = LONGEST_WALK + 1 + PLACES_A_ROW
# Row of the candidates that is the own match, and their columns: where it is, how long, and the
# token that it votes for. CHOICE holds the different ones of those tokens, and VOTES theirs.
OWN = 0
PLACE, MATCHED, NEXT, CHOICE = range(4)
WEIGHT, VOTES = range(2)


@kernel
def match_length(nodes: Int32Array, first: int, second: int) -> int:
    """How many tokens up to two positions agree, at most `LONGEST_MATCH`."""
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
    """Put a match behind the others, or in row `OWN` if it is longer; returns the rows in use."""
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
def longest_walk(texts: Int32Array, text: int) -> int:
    """Places of a chain that are looked at for a text."""
    longest: int = min(WALK_A_RESPONSE * texts[texts[text, PROMPT], NUM_RESPONSES], LONGEST_WALK)
    return longest


@kernel
def chain_head(nodes: Int32Array, table: Int32Array, texts: Int32Array, text: int) -> int:
    """Newest place of the pair that ends a text, or NONE where it ends no pair."""
    newest = newest_position(texts, text)
    if newest == NONE:
        return newest
    before = position_before(nodes, newest)
    if before == NONE:
        return before
    return newest_place(
        table, texts, texts[text, PROMPT], nodes[before, TOKEN], nodes[newest, TOKEN]
    )


@kernel
def walk_chains(
    nodes: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    last_drafts: Int32Array,
    batch: Int32Array,
    draft_limits: Int32Array,
    chains: Int32Array,
) -> None:
    """Write the places of each text's chain, newest first, and NONE behind the last.

    All chains are walked in step, for then the processor waits for many places at once.
    """
    longest = 0
    for row in range(batch.shape[0]):
        text = batch[row]
        chains[row, 0] = NONE
        if draft_limits[row] > 0 and last_drafts[text, MATCH_LENGTH] < LONG_ENOUGH:
            chains[row, 0] = chain_head(nodes, table, texts, text)
            longest = max(longest, longest_walk(texts, text))
    for i in range(1, longest):
        for row in range(batch.shape[0]):
            place = chains[row, i - 1]
            chains[row, i] = nodes[place, OLDER] if place != NONE else NONE


@kernel
def compare_chain(
    nodes: Int32Array,
    texts: Int32Array,
    text: int,
    newest: int,
    chains: Int32Array,
    row: int,
    candidates: Int32Array,
) -> int:
    """Find matches of a pair and more; returns the rows of the candidates in use."""
    count = 1
    for i in range(longest_walk(texts, text)):
        place = np.int64(chains[row, i])
        if place == NONE or candidates[OWN, MATCHED] >= LONG_ENOUGH:
            break
        length = match_length(nodes, place, newest) if place != newest else 0
        if length >= 2:
            count = add_candidate(nodes, texts, text, candidates, count, place, length)
    return count


@kernel
def add_recent(
    nodes: Int32Array,
    texts: Int32Array,
    recent: Int32Array,
    newest: int,
    candidates: Int32Array,
    count: int,
) -> int:
    """Put recent matches with any prompt behind the others, if none of those is a pair or longer.

    Returns the rows of the candidates in use.
    """
    longest = 0
    for i in range(count):
        longest = max(longest, candidates[i, MATCHED])
    row = recent_row(nodes, recent, newest) if longest < 2 else NONE
    if row != NONE:
        for i in range(recent.shape[1]):
            place = np.int64(recent[row, i])
            if place != newest and is_stored(nodes, texts, place):
                length = match_length(nodes, place, newest)
                if length >= 2:
                    candidates[count, PLACE] = place
                    candidates[count, MATCHED] = length
                    count += 1
    return count


@kernel
def find_candidates(
    nodes: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    recent: Int32Array,
    last_drafts: Int32Array,
    text: int,
    newest: int,
    chains: Int32Array,
    row: int,
    candidates: Int32Array,
) -> int:
    """Find where the end of a text occurred before; returns the rows of the candidates in use.

    The own match of the last draft may go on; its length is 0 where it does not.
    """
    prompt = texts[text, PROMPT]
    token = nodes[newest, TOKEN]
    known = last_drafts[text, MATCH_LENGTH]
    candidates[OWN, PLACE] = last_drafts[text, MATCH_PLACE]
    candidates[OWN, MATCHED] = known if known >= LONG_ENOUGH else 0
    count = compare_chain(nodes, texts, text, newest, chains, row, candidates)
    if known > candidates[OWN, MATCHED]:
        candidates[OWN, PLACE] = last_drafts[text, MATCH_PLACE]
        candidates[OWN, MATCHED] = known
    if count == 1 and candidates[OWN, MATCHED] == 0:
        place = latest_place(table, texts, prompt, token)
        if place != NONE and place != newest and nodes[place, TOKEN] == token:
            length = match_length(nodes, place, newest)
            count = add_candidate(nodes, texts, text, candidates, count, place, length)
    return add_recent(nodes, texts, recent, newest, candidates, count)


@kernel
def place_after(nodes: Int32Array, texts: Int32Array, text: int, newest: int, place: int) -> int:
    """The place behind another: a position, `~i` for token i of the draft, or NONE.

    The draft follows the text itself, so that a match which overlaps the end goes on periodically.
    """
    after = place - 1
    if place >= 0:
        after = position_after(nodes, place)
        if after == NONE and place == newest:
            after = ~0
        elif after == NONE and text_of(nodes, place) == texts[text, PROMPT]:
            after = np.int64(texts[text, FIRST])
    return after


@kernel
def token_at(nodes: Int32Array, last_drafts: Int32Array, text: int, place: int) -> int:
    """Token at a place."""
    token: int = nodes[place, TOKEN] if place >= 0 else last_drafts[text, DRAFT + 2 * ~place]
    return token


@kernel
def weigh(candidates: Int32Array, weights: Float64Array, count: int) -> None:
    """Write the weight of each match."""
    for i in range(count):
        weights[i, WEIGHT] = np.float64(candidates[i, MATCHED]) ** 4
    weights[OWN, WEIGHT] *= OWN_WEIGHT


@kernel
def advance(
    nodes: Int32Array,
    texts: Int32Array,
    last_drafts: Int32Array,
    text: int,
    newest: int,
    candidates: Int32Array,
    weights: Float64Array,
    count: int,
) -> int:
    """Move each candidate to its next token, and drop those without; returns how many stay."""
    kept = 0
    for i in range(count):
        place = NONE
        if weights[i, WEIGHT] > 0.0:
            place = place_after(nodes, texts, text, newest, candidates[i, PLACE])
        if place != NONE:
            candidates[kept, PLACE] = place
            candidates[kept, MATCHED] = candidates[i, MATCHED]
            candidates[kept, NEXT] = token_at(nodes, last_drafts, text, place)
            weights[kept, WEIGHT] = weights[i, WEIGHT]
            kept += 1
    return kept


@kernel
def most_voted(candidates: Int32Array, weights: Float64Array, count: int) -> tuple[int, float]:
    """Token with most votes, of several the one of the newest place, and its share of the votes."""
    num_tokens = 0
    total = 0.0
    for i in range(count):
        which = 0
        while which < num_tokens and candidates[which, CHOICE] != candidates[i, NEXT]:
            which += 1
        if which == num_tokens:
            candidates[which, CHOICE] = candidates[i, NEXT]
            weights[which, VOTES] = 0.0
            num_tokens += 1
        weights[which, VOTES] += weights[i, WEIGHT]
        total += weights[i, WEIGHT]
    best = 0
    for which in range(1, num_tokens):
        if weights[which, VOTES] > weights[best, VOTES]:
            best = which
    return candidates[best, CHOICE], weights[best, VOTES] / total


@kernel
def keep_agreeing(
    candidates: Int32Array, weights: Float64Array, count: int, token: int
) -> tuple[int, int]:
    """Drop the candidates at other tokens; returns how many stay, and the longest match of them."""
    kept, longest = 0, 0
    for i in range(count):
        if candidates[i, NEXT] == token:
            candidates[kept, PLACE] = candidates[i, PLACE]
            candidates[kept, MATCHED] = candidates[i, MATCHED]
            weights[kept, WEIGHT] = weights[i, WEIGHT]
            longest = max(longest, candidates[i, MATCHED])
            kept += 1
    return kept, longest


@kernel
def draft_continuation(
    nodes: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    recent: Int32Array,
    last_drafts: Int32Array,
    acceptance: Float64Array,
    bar: float,
    chains: Int32Array,
    row: int,
    candidates: Int32Array,
    weights: Float64Array,
    text: int,
    limit: int,
) -> int:
    """Draft at most `limit` tokens that follow a text, as its last draft.

    candidates: [MAX_CANDIDATES, 4] and weights: [MAX_CANDIDATES, 2] are scratch memory. Returns how
    many tokens are to be proposed. One more is drafted where the expected acceptance fell below the
    bar, so that this is learnt from too.
    """
    newest = newest_position(texts, text)
    proposed, drafted = 0, 0
    if newest == NONE:
        return proposed
    count = find_candidates(
        nodes, table, texts, recent, last_drafts, text, newest, chains, row, candidates
    )
    last_drafts[text, MATCH_PLACE] = candidates[OWN, PLACE]
    last_drafts[text, MATCH_LENGTH] = candidates[OWN, MATCHED]
    weigh(candidates, weights, count)
    chance = 1.0
    while drafted < limit and proposed == drafted:
        count = advance(nodes, texts, last_drafts, text, newest, candidates, weights, count)
        if count == 0:
            break
        token, share = most_voted(candidates, weights, count)
        count, longest = keep_agreeing(candidates, weights, count, token)
        cell = cell_of(longest + drafted, share, count)
        last_drafts[text, DRAFT + 2 * drafted] = token
        last_drafts[text, DRAFT + 2 * drafted + 1] = cell
        chance *= expected_acceptance(acceptance, cell)
        drafted += 1
        if chance >= bar:
            proposed = drafted
    last_drafts[text, DRAFTED] = drafted
    return proposed


@kernel
def learn_from(
    last_drafts: Int32Array,
    acceptance: Float64Array,
    text: int,
    token_ids: Int32Array,
    row: int,
    start: int,
    end: int,
) -> None:
    """Compare the last draft with the tokens that came, up to the first difference."""
    for i in range(min(last_drafts[text, DRAFTED], end - start)):
        is_right = last_drafts[text, DRAFT + 2 * i] == token_ids[row, start + i]
        learn(acceptance, last_drafts[text, DRAFT + 2 * i + 1], is_right)
        if not is_right:
            break


@kernel
def follow(
    nodes: Int32Array,
    texts: Int32Array,
    last_drafts: Int32Array,
    text: int,
    newest: int,
    token_ids: Int32Array,
    row: int,
    start: int,
    end: int,
) -> None:
    """Let the own match go on over tokens that were added; its length becomes 0 where they differ.

    `newest` is the position that was the text's newest before they came.
    """
    place = np.int64(last_drafts[text, MATCH_PLACE])
    length = last_drafts[text, MATCH_LENGTH]
    for i in range(start, end):
        if length > 0:
            place = place_after(nodes, texts, text, newest, place)
            if place < 0 or nodes[place, TOKEN] != token_ids[row, i]:
                length = 0
    last_drafts[text, MATCH_PLACE] = place
    last_drafts[text, MATCH_LENGTH] = min(length + end - start, LONGEST_MATCH) if length else 0
