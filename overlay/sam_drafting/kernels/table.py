"""The hash table of a prompt: where each pair and each single token occurred in its texts.

The occurrences of a pair form a chain, newest first, as in the hash chains of deflate (RFC 1951,
section 4). Of a single token only the latest occurrence is known, and of two that fall into one
bucket only the newer. A table doubles as its texts grow, by a part as large as all parts so far, so
that none moves. Chains are linked both ways, so that a text is removed in the time it took to add
it.
"""

from __future__ import annotations

import numpy as np

from sam_drafting.kernels.compilation import kernel
from sam_drafting.kernels.layout import (
    FIRST_PART,
    FREE_PART,
    HEAD,
    HEADER,
    LATEST,
    NEWER,
    NONE,
    NUM_PARTS,
    NUM_ROWS,
    OLDER,
    PARTS,
    TOKEN,
    UNCHAINED,
    Int32Array,
)
from sam_drafting.kernels.pages import position_before

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@kernel
def key_of_token(token: int) -> int:
    """Hash a token (multiplicative hashing)."""
    key: int = (np.uint64(token) + np.uint64(1)) * MULTIPLIER
    return key


@kernel
def key_of_pair(before: int, key: int) -> int:
    """Hash a pair: a token, and the hash of the one behind it."""
    longer: int = (np.uint64(key) + np.uint64(before) + np.uint64(1)) * MULTIPLIER
    return longer


@kernel
def row_of(texts: Int32Array, prompt: int, key: int) -> int:
    """Return the row of a hash in the table of a prompt, which has one part at least."""
    part = texts[prompt, NUM_PARTS] - 1
    place = np.int64((key >> np.uint64(24)) & np.uint64((1 << (FIRST_PART + part)) - 1))
    while part > 0 and place < 1 << (FIRST_PART + part - 1):
        part -= 1
    if part > 0:
        place -= 1 << (FIRST_PART + part - 1)
    row: int = texts[prompt, PARTS + part] + place
    return row


@kernel
def column_of(key: int) -> int:
    """Return the column of a single token."""
    column: int = LATEST + np.int64(key >> np.uint64(62))
    return column


@kernel
def num_rows_of_part(part: int) -> int:
    """Return how many rows a part of a hash table has: as many as all before it."""
    return 1 << (FIRST_PART + max(part - 1, 0))


@kernel
def num_rows_of(num_parts: int) -> int:
    """Return how many rows a hash table of so many parts has."""
    return 1 << (FIRST_PART + num_parts - 1) if num_parts else 0


@kernel
def latest_place(table: Int32Array, texts: Int32Array, prompt: int, token: int) -> int:
    """Return where a token occurred last, as far as is known: another may have taken the bucket."""
    key = key_of_token(token)
    place: int = table[row_of(texts, prompt, key), column_of(key)]
    return place


@kernel
def newest_place(table: Int32Array, texts: Int32Array, prompt: int, before: int, token: int) -> int:
    """Return the newest place of the chain of a pair, which pairs of the same bucket share."""
    place: int = table[row_of(texts, prompt, key_of_pair(before, key_of_token(token))), HEAD]
    return place


@kernel
def chain(nodes: Int32Array, table: Int32Array, row: int, position: int) -> None:
    """Put a token at the head of a chain."""
    older = table[row, HEAD]
    nodes[position, OLDER] = older
    nodes[position, NEWER] = ~row
    if older != NONE:
        nodes[older, NEWER] = position
    table[row, HEAD] = position


@kernel
def link(
    nodes: Int32Array, table: Int32Array, texts: Int32Array, prompt: int, position: int
) -> None:
    """Make a stored token findable: the latest of its kind, and at the end of the newest pair."""
    key = key_of_token(nodes[position, TOKEN])
    table[row_of(texts, prompt, key), column_of(key)] = position
    before = position_before(nodes, position)
    if before == NONE:
        nodes[position, NEWER] = UNCHAINED
    else:
        row = row_of(texts, prompt, key_of_pair(nodes[before, TOKEN], key))
        chain(nodes, table, row, position)


@kernel
def unlink(
    nodes: Int32Array, table: Int32Array, texts: Int32Array, prompt: int, position: int
) -> None:
    """Make a token findable no more; nothing where it was not."""
    newer, older = nodes[position, NEWER], nodes[position, OLDER]
    if newer == NONE:
        return
    key = key_of_token(nodes[position, TOKEN])
    row, column = row_of(texts, prompt, key), column_of(key)
    if table[row, column] == position:
        table[row, column] = NONE
    if newer == UNCHAINED:
        return
    if newer >= 0:
        nodes[newer, OLDER] = older
    else:
        table[~newer, HEAD] = older
    if older != NONE:
        nodes[older, NEWER] = newer


@kernel
def split_chain(
    nodes: Int32Array, table: Int32Array, texts: Int32Array, prompt: int, row: int
) -> None:
    """Put each token of a chain into the row that is now its own; the order stays."""
    oldest = NONE
    position = np.int64(table[row, HEAD])
    while position != NONE:
        oldest = position
        position = np.int64(nodes[position, OLDER])
    table[row, HEAD] = NONE
    position = oldest
    while position != NONE:
        newer = np.int64(nodes[position, NEWER])
        before = position_before(nodes, position)
        key = key_of_pair(nodes[before, TOKEN], key_of_token(nodes[position, TOKEN]))
        chain(nodes, table, row_of(texts, prompt, key), position)
        position = newer if newer >= 0 else NONE


@kernel
def split_latest(
    nodes: Int32Array, table: Int32Array, texts: Int32Array, prompt: int, row: int
) -> None:
    """Put the latest places of single tokens into the row that is now their own."""
    for column in range(LATEST, table.shape[1]):
        position = table[row, column]
        if position != NONE:
            table[row, column] = NONE
            key = key_of_token(nodes[position, TOKEN])
            table[row_of(texts, prompt, key), column] = position


@kernel
def add_part(nodes: Int32Array, table: Int32Array, texts: Int32Array, prompt: int) -> bool:
    """Double the hash table of a prompt, or begin it.

    Returns:
        Whether `table` had room for it.
    """
    new = texts[prompt, NUM_PARTS]
    start = np.int64(texts[HEADER, FREE_PART + new])
    if start != NONE:
        texts[HEADER, FREE_PART + new] = table[start, HEAD]
    elif texts[HEADER, NUM_ROWS] + num_rows_of_part(new) <= table.shape[0]:
        start = np.int64(texts[HEADER, NUM_ROWS])
        texts[HEADER, NUM_ROWS] += num_rows_of_part(new)
    else:
        return False
    table[start : start + num_rows_of_part(new)] = NONE
    texts[prompt, PARTS + new] = start
    texts[prompt, NUM_PARTS] = new + 1
    for part in range(new):
        first = texts[prompt, PARTS + part]
        for row in range(first, first + num_rows_of_part(part)):
            split_chain(nodes, table, texts, prompt, row)
            split_latest(nodes, table, texts, prompt, row)
    return True


@kernel
def release_parts(table: Int32Array, texts: Int32Array, prompt: int) -> None:
    """Let the hash table of a prompt be used again."""
    for part in range(texts[prompt, NUM_PARTS]):
        start = texts[prompt, PARTS + part]
        table[start, HEAD] = texts[HEADER, FREE_PART + part]
        texts[HEADER, FREE_PART + part] = start
    texts[prompt, NUM_PARTS] = 0
