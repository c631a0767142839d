"""The way on from a match, token by token, also over the end of the text into the draft itself."""

from __future__ import annotations

import numpy as np

from sam_drafting.kernels.compilation import kernel
from sam_drafting.kernels.layout import (
    DRAFT,
    FIRST,
    MATCH_LENGTH,
    MATCH_PLACE,
    NONE,
    PROMPT,
    TOKEN,
    Float64Array,
    Int32Array,
)
from sam_drafting.kernels.matching import LONGEST_MATCH, MATCHED, NEXT, PLACE, WEIGHT
from sam_drafting.kernels.pages import position_after, text_of


@kernel
def place_after(nodes: Int32Array, texts: Int32Array, text: int, newest: int, place: int) -> int:
    """Return the place behind another: a position, `~i` for token i of the draft, or NONE.

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
def token_at(nodes: Int32Array, texts: Int32Array, text: int, place: int) -> int:
    """Return the token at a place, which may be one of the draft of `text`."""
    token: int = nodes[place, TOKEN] if place >= 0 else texts[text, DRAFT + 2 * ~place]
    return token


@kernel
def advance(
    nodes: Int32Array,
    texts: Int32Array,
    text: int,
    newest: int,
    candidates: Int32Array,
    weights: Float64Array,
    count: int,
) -> int:
    """Move each candidate to its next token, and drop those without.

    Returns:
        How many candidates stay.
    """
    kept = 0
    for i in range(count):
        place = NONE
        if weights[i, WEIGHT] > 0.0:
            place = place_after(nodes, texts, text, newest, candidates[i, PLACE])
        if place != NONE:
            candidates[kept, PLACE] = place
            candidates[kept, MATCHED] = candidates[i, MATCHED]
            candidates[kept, NEXT] = token_at(nodes, texts, text, place)
            weights[kept, WEIGHT] = weights[i, WEIGHT]
            kept += 1
    return kept


@kernel
def follow(
    nodes: Int32Array, texts: Int32Array, text: int, newest: int, tokens: Int32Array
) -> None:
    """Let the own match go on over tokens that were added; its length becomes 0 where they differ.

    Args:
        nodes, texts: as in `Memory`.
        text: a response.
        newest: the position that was its newest before the tokens came.
        tokens: int32 [added].
    """
    place = np.int64(texts[text, MATCH_PLACE])
    length = texts[text, MATCH_LENGTH]
    num_new = tokens.shape[0]
    for i in range(num_new):
        if length > 0:
            place = place_after(nodes, texts, text, newest, place)
            if place < 0 or nodes[place, TOKEN] != tokens[i]:
                length = 0
    texts[text, MATCH_PLACE] = place
    texts[text, MATCH_LENGTH] = min(length + num_new, LONGEST_MATCH) if length else 0
