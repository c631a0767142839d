"""How the texts of an index lie in memory: arrays of int32, and the meaning of their columns.

nodes: [pages * PAGE_SIZE, 3]. Tokens lie in pages, and a page belongs to one text. The first row of
    a page is its header, each other row a token; a *position* is the row of a token. The row behind
    the newest token of a text holds no token, but NONE.
table: [rows, 5]. The hash tables of all prompts, in parts.
texts: [texts, PARTS + MAX_PARTS]. A text is a prompt, or a response to one, which continues it.
counters: [FREE_PART + MAX_PARTS]. What is in use, and where what is used again begins.
last_drafts: [texts, DRAFT + 2 * longest draft]. The last draft of each text.

Kernels get these arrays one by one, and rows as numbers. Numba counts references for each array
that it takes out of a tuple or cuts out of another; in the innermost loops this took twice the time
of the work itself.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Int32Array: TypeAlias = npt.NDArray[np.int32]

NONE = int(np.iinfo(np.int32).min)

PAGE_SHIFT = 6
PAGE_SIZE = 1 << PAGE_SHIFT
PAGE_MASK = PAGE_SIZE - 1
TOKENS_A_PAGE = PAGE_SIZE - 1

# Columns of a token: itself, and its neighbours in the chain of its pair. NEWER of the newest is
# `~row` of the hash table; of a token that is not findable NONE; of the first of a prompt, which
# ends no pair, UNCHAINED. One cache line holds a place of a chain and the tokens around it.
TOKEN, OLDER, NEWER = range(3)
UNCHAINED = NONE + 1
# Columns of a page's header: the position ahead of its first token, the first position of the page
# that follows in the text, and the text. Unused pages belong to no text and are chained by
# SUCCESSOR.
PREDECESSOR, SUCCESSOR, TEXT = range(3)

# Columns of a row of a hash table: the newest place of a chain of pairs, and behind it the latest
# places of single tokens, of which a row has room for four.
HEAD, LATEST = 0, 1
ROW_WIDTH = 5
# Rows in the first part of a hash table, as a power of two; a table can have so many parts.
FIRST_PART = 6
MAX_PARTS = 24

# Columns of a text: positions of its first and newest token, how many it has, and its prompt, which
# for a prompt is itself. Unused texts are chained by FIRST.
FIRST, NEWEST, LENGTH, PROMPT = range(4)
# More columns of a prompt: the tokens of its own and of all responses, how many responses there
# are, and the parts of its hash table: how many, and the first row of each.
NUM_TOKENS, NUM_RESPONSES, NUM_PARTS, PARTS = range(4, 8)
TEXT_WIDTH = PARTS + MAX_PARTS

# Entries of the counters: how many were ever used, and the first of those that are so no more;
# from FREE_PART on one entry for each size of a part.
NUM_PAGES, FREE_PAGE, NUM_FREE_PAGES, NUM_TEXTS, FREE_TEXT, NUM_ROWS, FREE_PART = range(7)
NUM_COUNTERS = FREE_PART + MAX_PARTS

# Columns of a last draft: place and length of the own match that it continued, how many tokens were
# drafted, and then for each draft token itself and its cell in the table of acceptance.
MATCH_PLACE, MATCH_LENGTH, DRAFTED, DRAFT = range(4)
