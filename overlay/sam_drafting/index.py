"""Where each sequence of a few tokens occurred, in all texts that continue one prompt.

The suffix automaton (`automaton.py`) finds the longest suffix of a text that occurred before. This
index finds nearly the same with less memory and fewer cache misses. A match of `ORDER` tokens or
more is among the earlier occurrences of the newest `ORDER` tokens: they form a chain, newest first,
as in the hash chains of deflate (RFC 1951, section 4), and comparing backwards tells how long each
match is. Of a shorter sequence only the latest occurrence is known, and of two that fall into
one bucket only the newer.

Memory. Tokens lie in pages, and a page belongs to one text: a prompt, or a response, which
continues the text of its prompt. Each prompt has a hash table of its own, which doubles as its
texts grow: by a part as large as all parts so far, so that none moves. Chains are linked both ways,
so that a text is removed in the time it took to add it. Pages, parts and rows are used again. The
newest token of a text is stored but not linked yet: it is what the next draft continues, not what
is found.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from sam_drafting.kernels import kernel

Int32Array: TypeAlias = npt.NDArray[np.int32]
UInt64Array: TypeAlias = npt.NDArray[np.uint64]

NONE = int(np.iinfo(np.int32).min)
# NEWER of a token with fewer than ORDER - 1 tokens ahead of it, which is in no chain.
UNCHAINED = NONE + 1

ORDER = 2
PAGE_SHIFT = 6
PAGE_SIZE = 1 << PAGE_SHIFT
PAGE_MASK = PAGE_SIZE - 1
# Rows in the first part of a hash table, as a power of two; a table can have so many parts.
FIRST_PART = 6
MAX_PARTS = 24

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)

# What `extend` returns.
DONE, TOO_FEW_PAGES, TOO_FEW_ROWS = range(3)

# Columns of a node: a token, and its neighbours in its chain; `~row` of the head is newer than the
# newest.
# One cache line holds a place of the chain and the tokens around it.
TOKEN, OLDER, NEWER = range(3)
# Columns of a page: the position ahead of its first token, the first position of the page that
# follows in the text, and the text. Unused pages are chained by SUCCESSOR.
PREDECESSOR, SUCCESSOR, TEXT = range(3)
# Columns of a text: positions of its first and newest token, how many it has, and its prompt.
# Unused texts are chained by FIRST.
FIRST, NEWEST, LENGTH, PROMPT = range(4)
# Columns of a row of a hash table: the newest place of a chain, and behind it the latest
# occurrences of sequences shorter than ORDER, of which a row has room for four.
HEAD, SHORTER = 0, 1
# Columns of a prompt: its own text, the tokens of that and of all responses, how many responses
# there are, and the parts of its hash table: how many, and the first row of each.
ROOT, NUM_TOKENS, NUM_RESPONSES, NUM_PARTS, PARTS = range(5)
# Entries of the counters: how many were ever used, and the first of those that are so no more;
# from FREE_PART on one entry for each size of a part.
NUM_PAGES, FREE_PAGE, NUM_FREE_PAGES, NUM_TEXTS, FREE_TEXT, NUM_ROWS, FREE_PART = range(7)


class Index(NamedTuple):
    """The memory of all texts; all int32.

    nodes: [pages * PAGE_SIZE, 3], where the token behind the newest of a text is negative;
    pages: [pages, 3]; table: [rows, 5]; texts: [texts, 4]; prompts: [prompts, PARTS + MAX_PARTS];
    counters: [FREE_PART + MAX_PARTS].
    """

    nodes: Int32Array
    pages: Int32Array
    table: Int32Array
    texts: Int32Array
    prompts: Int32Array
    counters: Int32Array


@kernel
def position_before(pages: Int32Array, position: int) -> int:
    """Position of the token ahead, also across pages and from a response to the prompt, or NONE."""
    before = position - 1
    if position & PAGE_MASK == 0:
        before = np.int64(pages[position >> PAGE_SHIFT, PREDECESSOR])
    return before


@kernel
def position_after(nodes: Int32Array, pages: Int32Array, position: int) -> int:
    """Position of the token behind in the same text, or NONE at its end."""
    after = position + 1
    if after & PAGE_MASK == 0:
        after = np.int64(pages[position >> PAGE_SHIFT, SUCCESSOR])
    elif nodes[after, TOKEN] < 0:
        after = NONE
    return after


@kernel
def lengthened(key: int, token: int) -> int:
    """Hash of a sequence that begins one token earlier (multiplicative hashing)."""
    longer: int = (np.uint64(key) + np.uint64(token) + np.uint64(1)) * MULTIPLIER
    return longer


@kernel
def row_of(prompts: Int32Array, prompt: int, num_parts: int, key: int) -> int:
    """Row of a hash in the table of a prompt while it has so many parts."""
    part = num_parts - 1
    place = np.int64((key >> np.uint64(24)) & np.uint64((1 << (FIRST_PART + part)) - 1))
    while part > 0 and place < 1 << (FIRST_PART + part - 1):
        part -= 1
    if part > 0:
        place -= 1 << (FIRST_PART + part - 1)
    row: int = prompts[prompt, PARTS + part] + place
    return row


@kernel
def num_rows_of(num_parts: int) -> int:
    """Rows of a hash table of so many parts."""
    return 1 << (FIRST_PART + num_parts - 1) if num_parts else 0


@kernel
def column_of(key: int) -> int:
    """Column of a sequence shorter than ORDER; a hash keeps it when the table grows."""
    column: int = SHORTER + np.int64(key >> np.uint64(62))
    return column


@kernel
def find_keys(nodes: Int32Array, pages: Int32Array, position: int, keys: UInt64Array) -> int:
    """Write the hashes of the sequences of 1 to ORDER tokens that end at a position.

    Returns how many there are; near the beginning of a prompt fewer than ORDER.
    """
    key = np.uint64(0)
    count = 0
    while count < ORDER and position != NONE:
        key = lengthened(key, nodes[position, TOKEN])
        keys[count] = key
        position = position_before(pages, position)
        count += 1
    return count


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
    nodes: Int32Array,
    pages: Int32Array,
    table: Int32Array,
    prompts: Int32Array,
    prompt: int,
    position: int,
    keys: UInt64Array,
) -> None:
    """Make a stored token the latest occurrence of the sequences that it ends."""
    count = find_keys(nodes, pages, position, keys)
    nodes[position, NEWER] = UNCHAINED
    for i in range(count):
        row = row_of(prompts, prompt, prompts[prompt, NUM_PARTS], keys[i])
        if i == ORDER - 1:
            chain(nodes, table, row, position)
        else:
            table[row, column_of(keys[i])] = position


@kernel
def unlink(
    nodes: Int32Array,
    pages: Int32Array,
    table: Int32Array,
    prompts: Int32Array,
    prompt: int,
    position: int,
    keys: UInt64Array,
) -> None:
    """Make a token findable no more; nothing where it was not."""
    newer, older = nodes[position, NEWER], nodes[position, OLDER]
    if newer != NONE:
        for i in range(min(find_keys(nodes, pages, position, keys), ORDER - 1)):
            row = row_of(prompts, prompt, prompts[prompt, NUM_PARTS], keys[i])
            if table[row, column_of(keys[i])] == position:
                table[row, column_of(keys[i])] = NONE
    if newer >= 0:
        nodes[newer, OLDER] = older
    elif newer > UNCHAINED:
        table[~newer, HEAD] = older
    if newer > UNCHAINED and older != NONE:
        nodes[older, NEWER] = newer


@kernel
def split_chain(
    nodes: Int32Array,
    pages: Int32Array,
    table: Int32Array,
    prompts: Int32Array,
    prompt: int,
    row: int,
    keys: UInt64Array,
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
        find_keys(nodes, pages, position, keys)
        num_parts = prompts[prompt, NUM_PARTS]
        chain(nodes, table, row_of(prompts, prompt, num_parts, keys[ORDER - 1]), position)
        position = newer if newer >= 0 else NONE


@kernel
def split_latest(
    nodes: Int32Array,
    pages: Int32Array,
    table: Int32Array,
    prompts: Int32Array,
    prompt: int,
    row: int,
    column: int,
    keys: UInt64Array,
) -> None:
    """Put a latest occurrence into the row that is now its own."""
    position = np.int64(table[row, column])
    num_parts = prompts[prompt, NUM_PARTS]
    if position != NONE:
        table[row, column] = NONE
        for i in range(min(find_keys(nodes, pages, position, keys), ORDER - 1)):
            was_here = row_of(prompts, prompt, num_parts - 1, keys[i]) == row
            if was_here and column_of(keys[i]) == column:
                table[row_of(prompts, prompt, num_parts, keys[i]), column] = position


@kernel
def add_part(
    nodes: Int32Array,
    pages: Int32Array,
    table: Int32Array,
    prompts: Int32Array,
    counters: Int32Array,
    prompt: int,
) -> bool:
    """Double the hash table of a prompt, or begin it; False where `table` has no room."""
    old_parts = prompts[prompt, NUM_PARTS]
    num_rows = 1 << (FIRST_PART + max(old_parts - 1, 0))
    start = np.int64(counters[FREE_PART + old_parts])
    if start != NONE:
        counters[FREE_PART + old_parts] = table[start, HEAD]
    elif counters[NUM_ROWS] + num_rows <= table.shape[0]:
        start = np.int64(counters[NUM_ROWS])
        counters[NUM_ROWS] += num_rows
    else:
        return False
    table[start : start + num_rows] = NONE
    prompts[prompt, PARTS + old_parts] = start
    prompts[prompt, NUM_PARTS] = old_parts + 1
    keys = np.empty(ORDER, np.uint64)
    for part in range(old_parts):
        first = prompts[prompt, PARTS + part]
        for row in range(first, first + (1 << (FIRST_PART + max(part - 1, 0)))):
            split_chain(nodes, pages, table, prompts, prompt, row, keys)
            for column in range(SHORTER, table.shape[1]):
                split_latest(nodes, pages, table, prompts, prompt, row, column, keys)
    return True


@kernel
def take_page(pages: Int32Array, counters: Int32Array, text: int, predecessor: int) -> int:
    """First position of a page for `text`, of the unused ones that there must be."""
    page = np.int64(counters[FREE_PAGE])
    if page == NONE:
        page = np.int64(counters[NUM_PAGES])
        counters[NUM_PAGES] += 1
    else:
        counters[FREE_PAGE] = pages[page, SUCCESSOR]
        counters[NUM_FREE_PAGES] -= 1
    pages[page, PREDECESSOR] = predecessor
    pages[page, SUCCESSOR] = NONE
    pages[page, TEXT] = text
    first: int = page << PAGE_SHIFT
    return first


@kernel
def newest_position(texts: Int32Array, text: int, root: int) -> int:
    """Position of the newest token of a text, or of its prompt where it has none yet, or NONE."""
    position: int = texts[text, NEWEST]
    if position == NONE:
        position = texts[root, NEWEST]
    return position


@kernel
def append(
    nodes: Int32Array,
    pages: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    prompts: Int32Array,
    counters: Int32Array,
    text: int,
    token: int,
    keys: UInt64Array,
) -> None:
    """Add a token to a text, which makes the one ahead findable; the caller has made room."""
    prompt = texts[text, PROMPT]
    before = newest_position(texts, text, prompts[prompt, ROOT])
    if before != NONE and nodes[before, NEWER] == NONE:
        link(nodes, pages, table, prompts, prompt, before, keys)
    length = texts[text, LENGTH]
    position = before + 1
    if length & PAGE_MASK == 0:
        position = take_page(pages, counters, text, before)
        if length == 0:
            texts[text, FIRST] = position
        else:
            pages[before >> PAGE_SHIFT, SUCCESSOR] = position
    nodes[position, TOKEN] = token
    nodes[position, NEWER] = NONE
    if (position + 1) & PAGE_MASK:
        nodes[position + 1, TOKEN] = NONE
    texts[text, NEWEST] = position
    texts[text, LENGTH] = length + 1


@kernel
def has_pages_for(
    pages: Int32Array, texts: Int32Array, counters: Int32Array, text: int, num_new: int
) -> bool:
    """Say whether there are pages for more tokens of a text."""
    length = texts[text, LENGTH]
    needed = ((length + num_new + PAGE_MASK) >> PAGE_SHIFT) - ((length + PAGE_MASK) >> PAGE_SHIFT)
    enough: bool = needed <= pages.shape[0] - counters[NUM_PAGES] + counters[NUM_FREE_PAGES]
    return enough


@kernel
def extend(
    nodes: Int32Array,
    pages: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    prompts: Int32Array,
    counters: Int32Array,
    text: int,
    tokens: Int32Array,
) -> int:
    """Add tokens to a text; returns `DONE`, or of what there is too little, and adds nothing."""
    prompt = texts[text, PROMPT]
    if not has_pages_for(pages, texts, counters, text, tokens.shape[0]):
        return TOO_FEW_PAGES
    num_tokens = prompts[prompt, NUM_TOKENS] + tokens.shape[0]
    while num_tokens > num_rows_of(prompts[prompt, NUM_PARTS]):
        if not add_part(nodes, pages, table, prompts, counters, prompt):
            return TOO_FEW_ROWS
    prompts[prompt, NUM_TOKENS] = num_tokens
    keys = np.empty(ORDER, np.uint64)
    for i in range(tokens.shape[0]):
        append(nodes, pages, table, texts, prompts, counters, text, tokens[i], keys)
    return DONE


@kernel
def open_text(texts: Int32Array, prompts: Int32Array, counters: Int32Array, prompt: int) -> int:
    """An empty text of a prompt; the caller has made room for its row."""
    text: int = counters[FREE_TEXT]
    if text == NONE:
        text = counters[NUM_TEXTS]
        counters[NUM_TEXTS] += 1
    else:
        counters[FREE_TEXT] = texts[text, FIRST]
    texts[text, FIRST] = NONE
    texts[text, NEWEST] = NONE
    texts[text, LENGTH] = 0
    texts[text, PROMPT] = prompt
    prompts[prompt, NUM_RESPONSES] += 1
    return text


@kernel
def open_prompt(texts: Int32Array, prompts: Int32Array, counters: Int32Array, prompt: int) -> int:
    """Begin a prompt in an unused row; returns its text."""
    root = open_text(texts, prompts, counters, prompt)
    prompts[prompt, ROOT] = root
    prompts[prompt, NUM_RESPONSES] = 0
    prompts[prompt, NUM_TOKENS] = 0
    prompts[prompt, NUM_PARTS] = 0
    return root


@kernel
def remove_text(
    nodes: Int32Array,
    pages: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    prompts: Int32Array,
    counters: Int32Array,
    text: int,
) -> None:
    """Forget a text, and let its pages and its row be used again."""
    prompt = texts[text, PROMPT]
    keys = np.empty(ORDER, np.uint64)
    position = np.int64(texts[text, NEWEST])
    for _ in range(texts[text, LENGTH]):
        unlink(nodes, pages, table, prompts, prompt, position, keys)
        before = position_before(pages, position)
        if position & PAGE_MASK == 0:
            page = position >> PAGE_SHIFT
            pages[page, SUCCESSOR] = counters[FREE_PAGE]
            counters[FREE_PAGE] = page
            counters[NUM_FREE_PAGES] += 1
        position = before
    prompts[prompt, NUM_TOKENS] -= texts[text, LENGTH]
    prompts[prompt, NUM_RESPONSES] -= 1
    texts[text, FIRST] = counters[FREE_TEXT]
    counters[FREE_TEXT] = text


@kernel
def remove_prompt(
    nodes: Int32Array,
    pages: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    prompts: Int32Array,
    counters: Int32Array,
    prompt: int,
) -> None:
    """Forget a prompt of which no response is left, and let its hash table be used again."""
    remove_text(nodes, pages, table, texts, prompts, counters, prompts[prompt, ROOT])
    for part in range(prompts[prompt, NUM_PARTS]):
        start = prompts[prompt, PARTS + part]
        table[start, HEAD] = counters[FREE_PART + part]
        counters[FREE_PART + part] = start
    prompts[prompt, NUM_PARTS] = 0


def empty_index() -> Index:
    """An index of nothing."""
    counters = np.full(FREE_PART + MAX_PARTS, NONE, np.int32)
    counters[[NUM_PAGES, NUM_FREE_PAGES, NUM_TEXTS, NUM_ROWS]] = 0
    return Index(
        np.empty((0, 3), np.int32),
        np.empty((0, 3), np.int32),
        np.empty((0, 5), np.int32),
        np.empty((0, 4), np.int32),
        np.empty((0, PARTS + MAX_PARTS), np.int32),
        counters,
    )


def with_rows(array: Int32Array, num_rows: int) -> Int32Array:
    """The array, or a copy at least a quarter longer, with at least so many rows."""
    if num_rows <= len(array):
        return array
    longer = np.empty((max(num_rows, len(array) * 5 // 4), *array.shape[1:]), np.int32)
    longer[: len(array)] = array
    return longer


def enlarged(index: Index, shortage: int) -> Index:
    """The index with more of what `extend` found too little of."""
    if shortage == TOO_FEW_ROWS:
        return index._replace(table=with_rows(index.table, len(index.table) + (1 << FIRST_PART)))
    pages = with_rows(index.pages, len(index.pages) + 1)
    return index._replace(pages=pages, nodes=with_rows(index.nodes, len(pages) << PAGE_SHIFT))
