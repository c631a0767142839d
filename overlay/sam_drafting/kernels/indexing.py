"""Where each pair of tokens occurred, in all texts that continue one prompt.

The suffix automaton (`automaton.py`) finds the longest suffix of a text that occurred before. This
index finds nearly the same with less memory and fewer cache misses: a match of two tokens or more
is among the earlier occurrences of the newest pair, and comparing backwards tells how long each
match is.

Pages, parts of hash tables and rows of texts are used again. The newest token of a text is stored
but not linked yet: it is what the next draft continues, not what is found.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sam_drafting.kernels import kernel
from sam_drafting.layout import (
    FIRST,
    FIRST_PART,
    FREE_TEXT,
    LENGTH,
    NEWER,
    NEWEST,
    NONE,
    NUM_COUNTERS,
    NUM_FREE_PAGES,
    NUM_PAGES,
    NUM_PARTS,
    NUM_RESPONSES,
    NUM_ROWS,
    NUM_TEXTS,
    NUM_TOKENS,
    PAGE_MASK,
    PAGE_SIZE,
    PROMPT,
    ROW_WIDTH,
    SUCCESSOR,
    TEXT_WIDTH,
    Int32Array,
)
from sam_drafting.pages import (
    has_pages_for,
    header_of,
    place_token,
    position_after,
    position_before,
    release_page,
    take_page,
)
from sam_drafting.table import add_part, link, num_rows_of, release_parts, unlink

# What `extend` returns.
DONE, TOO_FEW_PAGES, TOO_FEW_ROWS = range(3)


class Index(NamedTuple):
    """The memory of all texts, as `layout` describes it."""

    nodes: Int32Array
    table: Int32Array
    texts: Int32Array
    counters: Int32Array


@kernel
def newest_position(texts: Int32Array, text: int) -> int:
    """Position of the newest token of a text, or of its prompt where it has none yet, or NONE."""
    position: int = texts[text, NEWEST]
    if position == NONE:
        position = texts[texts[text, PROMPT], NEWEST]
    return position


@kernel
def append(
    nodes: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    counters: Int32Array,
    text: int,
    token: int,
) -> None:
    """Add a token to a text, which makes the one ahead findable; the caller has made room."""
    before = newest_position(texts, text)
    if before != NONE and nodes[before, NEWER] == NONE:
        link(nodes, table, texts, texts[text, PROMPT], before)
    position = before + 1
    if texts[text, LENGTH] == 0:
        position = take_page(nodes, counters, text, before)
        texts[text, FIRST] = position
    elif position & PAGE_MASK == 0:
        position = take_page(nodes, counters, text, before)
        nodes[header_of(before), SUCCESSOR] = position
    place_token(nodes, position, token)
    nodes[position, NEWER] = NONE
    texts[text, NEWEST] = position
    texts[text, LENGTH] += 1


@kernel
def extend(
    nodes: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    counters: Int32Array,
    text: int,
    token_ids: Int32Array,
    row: int,
    start: int,
    end: int,
) -> int:
    """Add the tokens from `start` to `end` of a row to a text.

    Returns `DONE`, or of what there is too little, and adds nothing then.
    """
    if not has_pages_for(nodes, texts, counters, text, end - start):
        return TOO_FEW_PAGES
    prompt = texts[text, PROMPT]
    num_tokens = texts[prompt, NUM_TOKENS] + end - start
    while num_tokens > num_rows_of(texts[prompt, NUM_PARTS]):
        if not add_part(nodes, table, texts, counters, prompt):
            return TOO_FEW_ROWS
    texts[prompt, NUM_TOKENS] = num_tokens
    for i in range(start, end):
        append(nodes, table, texts, counters, text, token_ids[row, i])
    return DONE


@kernel
def open_text(texts: Int32Array, counters: Int32Array) -> int:
    """An empty text of no prompt yet; the caller has made room for its row."""
    text: int = counters[FREE_TEXT]
    if text == NONE:
        text = counters[NUM_TEXTS]
        counters[NUM_TEXTS] += 1
    else:
        counters[FREE_TEXT] = texts[text, FIRST]
    texts[text, FIRST] = NONE
    texts[text, NEWEST] = NONE
    texts[text, LENGTH] = 0
    return text


@kernel
def open_prompt(texts: Int32Array, counters: Int32Array) -> int:
    """An empty prompt; the caller has made room for its row."""
    prompt = open_text(texts, counters)
    texts[prompt, PROMPT] = prompt
    texts[prompt, NUM_TOKENS] = 0
    texts[prompt, NUM_RESPONSES] = 0
    texts[prompt, NUM_PARTS] = 0
    return prompt


@kernel
def open_response(texts: Int32Array, counters: Int32Array, prompt: int) -> int:
    """An empty response to a prompt; the caller has made room for its row."""
    response = open_text(texts, counters)
    texts[response, PROMPT] = prompt
    texts[prompt, NUM_RESPONSES] += 1
    return response


@kernel
def remove_text(
    nodes: Int32Array, table: Int32Array, texts: Int32Array, counters: Int32Array, text: int
) -> None:
    """Forget the tokens of a text, and let its pages and its row be used again."""
    prompt = texts[text, PROMPT]
    position = np.int64(texts[text, NEWEST])
    for _ in range(texts[text, LENGTH]):
        unlink(nodes, table, texts, prompt, position)
        before = position_before(nodes, position)
        if (position - 1) & PAGE_MASK == 0:
            release_page(nodes, counters, header_of(position))
        position = before
    texts[prompt, NUM_TOKENS] -= texts[text, LENGTH]
    texts[text, FIRST] = counters[FREE_TEXT]
    counters[FREE_TEXT] = text


@kernel
def remove_response(
    nodes: Int32Array, table: Int32Array, texts: Int32Array, counters: Int32Array, response: int
) -> None:
    """Forget a response."""
    texts[texts[response, PROMPT], NUM_RESPONSES] -= 1
    remove_text(nodes, table, texts, counters, response)


@kernel
def remove_prompt(
    nodes: Int32Array, table: Int32Array, texts: Int32Array, counters: Int32Array, prompt: int
) -> None:
    """Forget a prompt of which no response is left, and let its hash table be used again."""
    remove_text(nodes, table, texts, counters, prompt)
    release_parts(table, texts, counters, prompt)


@kernel
def has_surplus_rows(texts: Int32Array, prompt: int) -> bool:
    """Say whether a hash table has eight times the rows that its prompt's tokens need."""
    num_parts = texts[prompt, NUM_PARTS]
    surplus: bool = num_parts > 1 and num_rows_of(num_parts) > 8 * texts[prompt, NUM_TOKENS]
    return surplus


@kernel
def shrink_table(
    nodes: Int32Array, table: Int32Array, texts: Int32Array, counters: Int32Array, prompt: int
) -> None:
    """Begin the hash table of a prompt anew, in parts that it had; its texts must be relinked."""
    num_parts = texts[prompt, NUM_PARTS]
    release_parts(table, texts, counters, prompt)
    while num_parts and num_rows_of(texts[prompt, NUM_PARTS]) < max(texts[prompt, NUM_TOKENS], 1):
        add_part(nodes, table, texts, counters, prompt)


@kernel
def relink(nodes: Int32Array, table: Int32Array, texts: Int32Array, text: int) -> None:
    """Put the findable tokens of a text into the new hash table of its prompt."""
    position = np.int64(texts[text, FIRST])
    while position != NONE:
        if nodes[position, NEWER] != NONE:
            link(nodes, table, texts, texts[text, PROMPT], position)
        position = position_after(nodes, position)


def empty_index() -> Index:
    """An index of nothing."""
    counters = np.full(NUM_COUNTERS, NONE, np.int32)
    counters[[NUM_PAGES, NUM_FREE_PAGES, NUM_TEXTS, NUM_ROWS]] = 0
    return Index(
        np.empty((0, 3), np.int32),
        np.empty((0, ROW_WIDTH), np.int32),
        np.empty((0, TEXT_WIDTH), np.int32),
        counters,
    )


def make_rows(array: Int32Array, num_rows: int) -> None:
    """Lengthen an array, by a quarter at least, where it has fewer rows.

    In place, for the C library moves large arrays by their page tables, without copying a byte.
    Nobody may hold a view of it.
    """
    if num_rows > len(array):
        longer = max(num_rows, len(array) * 5 // 4)
        array.resize((longer, *array.shape[1:]), refcheck=False)


def enlarge(index: Index, shortage: int) -> None:
    """Make more of what `extend` found too little of."""
    if shortage == TOO_FEW_ROWS:
        make_rows(index.table, len(index.table) + (1 << FIRST_PART))
    else:
        make_rows(index.nodes, len(index.nodes) + PAGE_SIZE)
