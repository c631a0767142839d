"""The places where the pair at the end of each text occurred before, newest first."""

from __future__ import annotations

from sam_drafting.kernels.compilation import kernel
from sam_drafting.kernels.indexing import newest_position
from sam_drafting.kernels.layout import (
    LIMIT,
    MATCH_LENGTH,
    NONE,
    NUM_RESPONSES,
    OLDER,
    PROMPT,
    RESPONSE,
    TOKEN,
    Int32Array,
)
from sam_drafting.kernels.pages import position_before
from sam_drafting.kernels.table import newest_place

# Places of a chain that are looked at, newest first: so many for each response, and at most.
WALK_A_RESPONSE = 16
LONGEST_WALK = 64
# A match of this length ends the search for others, and needs none while it goes on.
LONG_ENOUGH = 16


@kernel
def longest_walk(texts: Int32Array, text: int) -> int:
    """Return how many places of a chain are looked at for a text."""
    longest: int = min(WALK_A_RESPONSE * texts[texts[text, PROMPT], NUM_RESPONSES], LONGEST_WALK)
    return longest


@kernel
def chain_head(nodes: Int32Array, table: Int32Array, texts: Int32Array, text: int) -> int:
    """Return the newest place of the pair that ends a text, or NONE where it ends no pair."""
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
    requests: Int32Array,
    chains: Int32Array,
) -> None:
    """Write the places of each request's chain, newest first, and NONE behind the last.

    All chains are walked in step, for then the processor waits for many places at once.

    Args:
        nodes, table, texts: as in `Memory`.
        requests: int32 [batch, columns].
        chains: int32 [batch, LONGEST_WALK], to be written.
    """
    longest = 0
    for row in range(requests.shape[0]):
        text = requests[row, RESPONSE]
        chains[row, 0] = NONE
        if requests[row, LIMIT] > 0 and texts[text, MATCH_LENGTH] < LONG_ENOUGH:
            chains[row, 0] = chain_head(nodes, table, texts, text)
            longest = max(longest, longest_walk(texts, text))
    for i in range(1, longest):
        for row in range(requests.shape[0]):
            place = chains[row, i - 1]
            chains[row, i] = nodes[place, OLDER] if place != NONE else NONE
