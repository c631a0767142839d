"""A draft from the places where the end of a text occurred before.

Each candidate votes for the token that followed it. The token with most votes is drafted, the
places that disagree drop out, and the rest vote on the next. Without other texts this is the draft
of the suffix automaton, but for places too far back in a chain.
"""

from __future__ import annotations

from sam_drafting.kernels.acceptance import BAR, cell_of, expected_acceptance
from sam_drafting.kernels.compilation import inlined_kernel
from sam_drafting.kernels.following import advance
from sam_drafting.kernels.indexing import newest_position
from sam_drafting.kernels.layout import (
    DRAFT,
    DRAFTED,
    MATCH_LENGTH,
    MATCH_PLACE,
    NONE,
    Int32Array,
    Memory,
)
from sam_drafting.kernels.matching import MATCHED, OWN, PLACE, Ballot, find_candidates
from sam_drafting.kernels.voting import keep_agreeing, most_voted, weigh


@inlined_kernel
def draft_continuation(
    memory: Memory, text: int, limit: int, chain: Int32Array, ballot: Ballot
) -> int:
    """Draft tokens that follow a text, as its last draft.

    Args:
        memory: all texts.
        text: a response.
        limit: most tokens, at least 1.
        chain: int32 [LONGEST_WALK], as `walk_chains` writes it.
        ballot: scratch memory.

    Returns:
        How many tokens are to be proposed. One more is drafted where the expected acceptance fell
        below the bar, so that this is learnt from too.
    """
    newest = newest_position(memory.texts, text)
    if newest == NONE:
        return 0
    count = find_candidates(memory, text, newest, chain, ballot.candidates)
    memory.texts[text, MATCH_PLACE] = ballot.candidates[OWN, PLACE]
    memory.texts[text, MATCH_LENGTH] = ballot.candidates[OWN, MATCHED]
    weigh(ballot.candidates, ballot.weights, count)
    return vote_on(memory, text, limit, newest, ballot, count)


@inlined_kernel
def vote_on(memory: Memory, text: int, limit: int, newest: int, ballot: Ballot, count: int) -> int:
    """Let the candidates vote on one token after the other.

    Args:
        memory, text, limit: as in `draft_continuation`.
        newest: position of the newest token of the text.
        ballot: the candidates, weighed.
        count: how many there are.

    Returns:
        How many tokens are to be proposed.
    """
    texts, acceptance = memory.texts, memory.acceptance
    candidates, weights = ballot
    proposed, drafted, chance = 0, 0, 1.0
    while drafted < limit and proposed == drafted:
        count = advance(memory.nodes, texts, text, newest, candidates, weights, count)
        if count == 0:
            break
        token, share = most_voted(candidates, weights, count)
        count, longest = keep_agreeing(candidates, weights, count, token)
        cell = cell_of(longest + drafted, share, count)
        texts[text, DRAFT + 2 * drafted] = token
        texts[text, DRAFT + 2 * drafted + 1] = cell
        chance *= expected_acceptance(acceptance, cell)
        drafted += 1
        if chance >= acceptance[BAR, 0]:
            proposed = drafted
    texts[text, DRAFTED] = drafted
    return proposed
