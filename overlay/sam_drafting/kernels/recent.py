"""Recent places of each pair of tokens in the responses to all prompts.

Where neither a request nor those with the same prompt know how its text goes on, others may:
answers to different prompts have turns of phrase in common. For each of a fixed number of buckets
of pairs the newest few places are kept, so that memory is bounded and old text is crowded out. A
place may outlive its text: it is passed over then, or, where another text lies there by now, taken
for a place of that.
"""

from __future__ import annotations

import numpy as np

from sam_drafting.kernels.compilation import kernel
from sam_drafting.kernels.layout import FIRST, NEWEST, NONE, TOKEN, Int32Array
from sam_drafting.kernels.pages import header_of, position_after, position_before, text_of
from sam_drafting.kernels.table import key_of_pair, key_of_token

NUM_BUCKETS = 1 << 14
PLACES_A_ROW = 4


def no_places(num_rows: int) -> Int32Array:
    """Return memory without any place.

    Args:
        num_rows: a power of two, or 0.

    Returns:
        int32 [num_rows, PLACES_A_ROW], newest first; NONE where there is no place.
    """
    return np.full((num_rows, PLACES_A_ROW), NONE, np.int32)


@kernel
def recent_row(nodes: Int32Array, recent: Int32Array, position: int) -> int:
    """Return the row of the pair that ends at a position, or NONE where none ends there."""
    row = NONE
    before = position_before(nodes, position) if recent.shape[0] > 0 else NONE
    if before != NONE:
        key = key_of_pair(nodes[before, TOKEN], key_of_token(nodes[position, TOKEN]))
        row = np.int64((key >> np.uint64(24)) & np.uint64(recent.shape[0] - 1))
    return row


@kernel
def note_recent(
    nodes: Int32Array, texts: Int32Array, recent: Int32Array, text: int, newest: int
) -> None:
    """Note the tokens of a text that have become findable since `newest` was its newest token.

    Args:
        nodes, texts, recent: as in `Memory`.
        text: a response.
        newest: a position of the text, the last of its prompt, or NONE.
    """
    position = newest
    if newest == NONE or text_of(nodes, newest) != text:
        position = np.int64(texts[text, FIRST])
    while position != NONE:
        after = position_after(nodes, position)
        row = recent_row(nodes, recent, position) if after != NONE else NONE
        if row != NONE:
            for i in range(recent.shape[1] - 1, 0, -1):
                recent[row, i] = recent[row, i - 1]
            recent[row, 0] = position
        position = after


@kernel
def is_stored(nodes: Int32Array, texts: Int32Array, place: int) -> bool:
    """Say whether a place, which may be NONE, belongs to a text at present."""
    stored = False
    text = text_of(nodes, place) if place != NONE else NONE
    if text != NONE:
        newest = texts[text, NEWEST]
        stored = place <= newest or header_of(place) != header_of(newest)
    return stored
