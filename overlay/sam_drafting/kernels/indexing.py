"""Where each pair of tokens occurred, in all texts that continue one prompt.

The suffix automaton (`reference/automaton.py`) finds the longest suffix of a text that occurred
before. This index finds nearly the same with less memory and fewer cache misses: a match of two
tokens or more is among the earlier occurrences of the newest pair, and comparing backwards tells
how long each match is.

Pages, parts of hash tables and rows of texts are used again. The newest token of a text is stored
but not linked yet: it is what the next draft continues, not what is found.
"""

from __future__ import annotations

import numpy as np

from sam_drafting.kernels.compilation import kernel
from sam_drafting.kernels.layout import (
    DRAFTED,
    FIRST,
    FREE_TEXT,
    HEADER,
    LENGTH,
    MATCH_LENGTH,
    MATCH_PLACE,
    NEWER,
    NEWEST,
    NONE,
    NUM_PARTS,
    NUM_RESPONSES,
    NUM_TEXTS,
    NUM_TOKENS,
    PAGE_MASK,
    PROMPT,
    SUCCESSOR,
    TOKEN,
    Int32Array,
)
from sam_drafting.kernels.pages import (
    has_pages_for,
    header_of,
    place_token,
    position_after,
    position_before,
    release_page,
    take_page,
)
from sam_drafting.kernels.table import add_part, link, num_rows_of, release_parts, unlink

# What `extend` returns.
DONE, TOO_FEW_PAGES, TOO_FEW_ROWS = range(3)


@kernel
def newest_position(texts: Int32Array, text: int) -> int:
    """Return the position of the newest token of a text, or of its prompt before it has one.

    NONE where neither has a token.
    """
    position: int = texts[text, NEWEST]
    if position == NONE:
        position = texts[texts[text, PROMPT], NEWEST]
    return position


@kernel
def append(nodes: Int32Array, table: Int32Array, texts: Int32Array, text: int, token: int) -> None:
    """Add a token to a text, which makes the one ahead findable; the caller has made room."""
    before = newest_position(texts, text)
    if before != NONE and nodes[before, NEWER] == NONE:
        link(nodes, table, texts, texts[text, PROMPT], before)
    position = before + 1
    if texts[text, LENGTH] == 0:
        position = take_page(nodes, texts, text, before)
        texts[text, FIRST] = position
    elif position & PAGE_MASK == 0:
        position = take_page(nodes, texts, text, before)
        nodes[header_of(before), SUCCESSOR] = position
    place_token(nodes, position, token)
    nodes[position, NEWER] = NONE
    texts[text, NEWEST] = position
    texts[text, LENGTH] += 1


@kernel
def extend(
    nodes: Int32Array, table: Int32Array, texts: Int32Array, text: int, tokens: Int32Array
) -> int:
    """Add tokens to a text.

    Returns:
        `DONE`, or of what there is too little; nothing is added then.
    """
    num_new = tokens.shape[0]
    if not has_pages_for(nodes, texts, text, num_new):
        return TOO_FEW_PAGES
    prompt = texts[text, PROMPT]
    num_tokens = texts[prompt, NUM_TOKENS] + num_new
    while num_tokens > num_rows_of(texts[prompt, NUM_PARTS]):
        if not add_part(nodes, table, texts, prompt):
            return TOO_FEW_ROWS
    texts[prompt, NUM_TOKENS] = num_tokens
    for i in range(num_new):
        append(nodes, table, texts, text, tokens[i])
    return DONE


@kernel
def open_text(texts: Int32Array) -> int:
    """Return an empty text of no prompt yet; the caller has made room for its row."""
    text: int = texts[HEADER, FREE_TEXT]
    if text == NONE:
        text = texts[HEADER, NUM_TEXTS]
        texts[HEADER, NUM_TEXTS] += 1
    else:
        texts[HEADER, FREE_TEXT] = texts[text, FIRST]
    texts[text, FIRST] = NONE
    texts[text, NEWEST] = NONE
    texts[text, LENGTH] = 0
    return text


@kernel
def open_prompt(texts: Int32Array) -> int:
    """Return an empty prompt; the caller has made room for its row."""
    prompt = open_text(texts)
    texts[prompt, PROMPT] = prompt
    texts[prompt, NUM_TOKENS] = 0
    texts[prompt, NUM_RESPONSES] = 0
    texts[prompt, NUM_PARTS] = 0
    return prompt


@kernel
def open_response(texts: Int32Array, prompt: int) -> int:
    """Return an empty response to a prompt; the caller has made room for its row."""
    response = open_text(texts)
    texts[response, PROMPT] = prompt
    texts[response, MATCH_PLACE] = NONE
    texts[response, MATCH_LENGTH] = 0
    texts[response, DRAFTED] = 0
    texts[prompt, NUM_RESPONSES] += 1
    return response


@kernel
def drop_newest(
    nodes: Int32Array, table: Int32Array, texts: Int32Array, text: int, num_tokens: int
) -> None:
    """Forget the newest tokens of a text, which has so many, and let their pages be used again.

    The one ahead of them is the newest then: stored, and not linked.
    """
    prompt = texts[text, PROMPT]
    position = np.int64(texts[text, NEWEST])
    for _ in range(num_tokens):
        unlink(nodes, table, texts, prompt, position)
        before = position_before(nodes, position)
        if (position - 1) & PAGE_MASK == 0:
            release_page(nodes, texts, header_of(position))
        position = before
    texts[prompt, NUM_TOKENS] -= num_tokens
    texts[text, LENGTH] -= num_tokens
    if texts[text, LENGTH] == 0:
        texts[text, FIRST] = NONE
        texts[text, NEWEST] = NONE
    elif num_tokens > 0:
        texts[text, NEWEST] = position
        unlink(nodes, table, texts, prompt, position)
        nodes[position, NEWER] = NONE
        nodes[header_of(position), SUCCESSOR] = NONE
        place_token(nodes, position, nodes[position, TOKEN])


@kernel
def remove_text(nodes: Int32Array, table: Int32Array, texts: Int32Array, text: int) -> None:
    """Forget the tokens of a text, and let its pages and its row be used again."""
    drop_newest(nodes, table, texts, text, texts[text, LENGTH])
    texts[text, FIRST] = texts[HEADER, FREE_TEXT]
    texts[HEADER, FREE_TEXT] = text


@kernel
def remove_response(nodes: Int32Array, table: Int32Array, texts: Int32Array, response: int) -> None:
    """Forget a response."""
    texts[texts[response, PROMPT], NUM_RESPONSES] -= 1
    remove_text(nodes, table, texts, response)


@kernel
def remove_prompt(nodes: Int32Array, table: Int32Array, texts: Int32Array, prompt: int) -> None:
    """Forget a prompt of which no response is left, and let its hash table be used again."""
    remove_text(nodes, table, texts, prompt)
    release_parts(table, texts, prompt)


@kernel
def has_surplus_rows(texts: Int32Array, prompt: int) -> bool:
    """Say whether a hash table has eight times the rows that its prompt's tokens need."""
    num_parts = texts[prompt, NUM_PARTS]
    surplus: bool = num_parts > 1 and num_rows_of(num_parts) > 8 * texts[prompt, NUM_TOKENS]
    return surplus


@kernel
def shrink_table(nodes: Int32Array, table: Int32Array, texts: Int32Array, prompt: int) -> None:
    """Begin the hash table of a prompt anew, in parts that it had; its texts must be relinked."""
    num_parts = texts[prompt, NUM_PARTS]
    release_parts(table, texts, prompt)
    while num_parts and num_rows_of(texts[prompt, NUM_PARTS]) < max(texts[prompt, NUM_TOKENS], 1):
        add_part(nodes, table, texts, prompt)


@kernel
def relink(nodes: Int32Array, table: Int32Array, texts: Int32Array, text: int) -> None:
    """Put the findable tokens of a text into the new hash table of its prompt."""
    position = np.int64(texts[text, FIRST])
    while position != NONE:
        if nodes[position, NEWER] != NONE:
            link(nodes, table, texts, texts[text, PROMPT], position)
        position = position_after(nodes, position)
