"""The pages that hold the tokens of all texts: the ways through a text, and room for new tokens."""

from __future__ import annotations

import numpy as np

from sam_drafting.kernels.compilation import kernel
from sam_drafting.kernels.layout import (
    FREE_PAGE,
    HEADER,
    LENGTH,
    NONE,
    NUM_FREE_PAGES,
    NUM_PAGES,
    PAGE_MASK,
    PAGE_SHIFT,
    PREDECESSOR,
    SUCCESSOR,
    TEXT,
    TOKEN,
    TOKENS_A_PAGE,
    Int32Array,
)


@kernel
def header_of(position: int) -> int:
    """Return the row of the header of the page that holds a position."""
    return position & ~PAGE_MASK


@kernel
def text_of(nodes: Int32Array, position: int) -> int:
    """Return the text that a position belongs to."""
    text: int = nodes[header_of(position), TEXT]
    return text


@kernel
def position_before(nodes: Int32Array, position: int) -> int:
    """Step back to the token ahead, also across pages and from a response to its prompt.

    Returns:
        Its position, or NONE where there is none.
    """
    before = position - 1
    if before & PAGE_MASK == 0:
        before = np.int64(nodes[before, PREDECESSOR])
    return before


@kernel
def position_after(nodes: Int32Array, position: int) -> int:
    """Step on to the token behind in the same text.

    Returns:
        Its position, or NONE at the end of the text.
    """
    after = position + 1
    if after & PAGE_MASK == 0:
        after = np.int64(nodes[header_of(position), SUCCESSOR])
    elif nodes[after, TOKEN] < 0:
        after = NONE
    return after


@kernel
def has_pages_for(nodes: Int32Array, texts: Int32Array, text: int, num_new: int) -> bool:
    """Say whether there are pages for more tokens of a text."""
    length = texts[text, LENGTH]
    before = (length + TOKENS_A_PAGE - 1) // TOKENS_A_PAGE
    after = (length + num_new + TOKENS_A_PAGE - 1) // TOKENS_A_PAGE
    unused = (nodes.shape[0] >> PAGE_SHIFT) - texts[HEADER, NUM_PAGES]
    enough: bool = after - before <= unused + texts[HEADER, NUM_FREE_PAGES]
    return enough


@kernel
def take_page(nodes: Int32Array, texts: Int32Array, text: int, predecessor: int) -> int:
    """Give a text one of the unused pages, which there must be.

    Returns:
        The first position of the page.
    """
    header = np.int64(texts[HEADER, FREE_PAGE])
    if header == NONE:
        header = np.int64(texts[HEADER, NUM_PAGES]) << PAGE_SHIFT
        texts[HEADER, NUM_PAGES] += 1
    else:
        texts[HEADER, FREE_PAGE] = nodes[header, SUCCESSOR]
        texts[HEADER, NUM_FREE_PAGES] -= 1
    nodes[header, PREDECESSOR] = predecessor
    nodes[header, SUCCESSOR] = NONE
    nodes[header, TEXT] = text
    first: int = header + 1
    return first


@kernel
def release_page(nodes: Int32Array, texts: Int32Array, header: int) -> None:
    """Let a page be used again."""
    nodes[header, SUCCESSOR] = texts[HEADER, FREE_PAGE]
    nodes[header, TEXT] = NONE
    texts[HEADER, FREE_PAGE] = header
    texts[HEADER, NUM_FREE_PAGES] += 1


@kernel
def place_token(nodes: Int32Array, position: int, token: int) -> None:
    """Write the newest token of a text, and behind it the mark of the end."""
    nodes[position, TOKEN] = token
    after = position + 1
    if after & PAGE_MASK:
        nodes[after, TOKEN] = NONE
