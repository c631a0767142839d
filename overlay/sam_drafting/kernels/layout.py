"""How the texts lie in memory: arrays, and the meaning of their columns.

`Memory` lists the arrays. The entry of a step takes them flat, for numba is slow to unpack a tuple
that comes from Python, and builds the tuple once. The kernels of the innermost loops take arrays
one by one, and rows as numbers: numba counts references for each array that it takes out of a tuple
or cuts out of another, which took twice the time of the work itself.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Int32Array: TypeAlias = npt.NDArray[np.int32]
Float64Array: TypeAlias = npt.NDArray[np.float64]

NONE = int(np.iinfo(np.int32).min)


class Memory(NamedTuple):
    """All that a step reads and writes.

    Attributes:
        nodes: int32 [pages * PAGE_SIZE, 3]. Tokens lie in pages, and a page belongs to one text.
            The first row of a page is its header, each other row a token; a *position* is the row
            of a token. The row behind the newest token of a text holds no token, but NONE.
        table: int32 [rows, ROW_WIDTH]. The hash tables of all prompts, in parts (`table`).
        texts: int32 [1 + texts, columns]. A header, then a row for each text. A text is a prompt,
            or a response to one, which continues it.
        recent: int32 [buckets, places]. Recent places of pairs in any text (`recent`).
        acceptance: float64 [NUM_CELLS + 1, 2]. How often draft tokens were right (`acceptance`).
    """

    nodes: Int32Array
    table: Int32Array
    texts: Int32Array
    recent: Int32Array
    acceptance: Float64Array


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
# More columns of a response, about its last draft: place and length of the own match that it
# continued, how many tokens were drafted, and then for each draft token itself and its cell in the
# table of acceptance.
MATCH_PLACE, MATCH_LENGTH, DRAFTED, DRAFT = range(4, 8)

# The header of the texts: how many there are of what was ever used, itself among the texts, and the
# first of those that are used no more; from FREE_PART on one entry for each size of a part.
HEADER = 0
NUM_PAGES, FREE_PAGE, NUM_FREE_PAGES, NUM_TEXTS, FREE_TEXT, NUM_ROWS, FREE_PART = range(7)

# Columns of a request of a batch: the response that it generates, how many of its tokens lie ahead
# of its row, how many it has with that, how many may be drafted, how many are, and from PROPOSAL on
# these.
RESPONSE, AHEAD, END, LIMIT, PROPOSED, PROPOSAL = range(6)


def text_width(longest_draft: int) -> int:
    """Return the columns of a text whose drafts have at most `longest_draft` tokens."""
    return max(PARTS + MAX_PARTS, FREE_PART + MAX_PARTS, DRAFT + 2 * longest_draft)
