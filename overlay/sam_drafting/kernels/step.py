"""One decoding step of a whole batch in one native call: take in what is new, then draft."""

from __future__ import annotations

import numpy as np

from sam_drafting.kernels.acceptance import learn_from
from sam_drafting.kernels.chains import LONGEST_WALK, walk_chains
from sam_drafting.kernels.compilation import inlined_kernel, kernel
from sam_drafting.kernels.drafting import draft_continuation
from sam_drafting.kernels.following import follow
from sam_drafting.kernels.indexing import DONE, TOO_FEW_ROWS, extend, newest_position
from sam_drafting.kernels.layout import (
    AHEAD,
    DRAFT,
    DRAFTED,
    END,
    LENGTH,
    LIMIT,
    NONE,
    PROMPT,
    PROPOSAL,
    PROPOSED,
    RESPONSE,
    TOKEN,
    Float64Array,
    Int32Array,
    Memory,
)
from sam_drafting.kernels.matching import MAX_CANDIDATES, Ballot
from sam_drafting.kernels.recent import note_recent

# What `draft_step` returns besides what `extend` returns.
RESTART, BAD_LENGTH, BAD_TOKEN = range(TOO_FEW_ROWS + 1, TOO_FEW_ROWS + 4)


@kernel
def has_negative(tokens: Int32Array) -> bool:
    """Say whether one of the tokens is negative."""
    found = False
    for i in range(tokens.shape[0]):
        if tokens[i] < 0:
            found = True
    return found


@inlined_kernel
def take_in(memory: Memory, text: int, ahead: int, tokens: Int32Array) -> int:
    """Bring a response up to all tokens of its request, and learn how good its last draft was.

    Args:
        memory: all texts.
        text: a response.
        ahead: how many tokens of the request, none of them new, lie ahead of those that follow.
        tokens: int32 [prompt + output - ahead], of which nothing may be new.

    Returns:
        `DONE` or a fault, and the response is as before.
    """
    nodes, texts = memory.nodes, memory.texts
    newest = newest_position(texts, text)
    start = texts[texts[text, PROMPT], LENGTH] + texts[text, LENGTH] - ahead
    if start > tokens.shape[0]:
        return RESTART
    if newest != NONE and start > 0 and nodes[newest, TOKEN] != tokens[start - 1]:
        return RESTART
    new = tokens[start:]
    if has_negative(new):
        return BAD_TOKEN
    shortage = extend(nodes, memory.table, texts, text, new)
    if shortage != DONE:
        return shortage
    note_recent(nodes, texts, memory.recent, text, newest)
    follow(nodes, texts, text, newest, new)
    learn_from(texts, memory.acceptance, text, new)
    texts[text, DRAFTED] = 0
    return DONE


@inlined_kernel
def take_in_all(memory: Memory, token_ids: Int32Array, requests: Int32Array) -> tuple[int, int]:
    """Take in each request of a batch.

    Returns:
        `DONE` or a fault, and the row of the fault: those ahead of it are taken in, and to take
        them in again changes nothing.
    """
    for row in range(requests.shape[0]):
        ahead = requests[row, AHEAD]
        length = requests[row, END] - ahead
        if length < 0 or length > token_ids.shape[1]:
            return BAD_LENGTH, row
        fault = take_in(memory, requests[row, RESPONSE], ahead, token_ids[row, :length])
        if fault != DONE:
            return fault, row
    return DONE, 0


@inlined_kernel
def draft_all(memory: Memory, requests: Int32Array) -> int:
    """Draft for each request of a batch.

    Returns:
        How many tokens are proposed for all of them.
    """
    batch_size = requests.shape[0]
    ballot = Ballot(np.empty((MAX_CANDIDATES, 4), np.int32), np.empty((MAX_CANDIDATES, 2)))
    chains = np.empty((batch_size, LONGEST_WALK), np.int32)
    walk_chains(memory.nodes, memory.table, memory.texts, requests, chains)
    num_proposed = 0
    for row in range(batch_size):
        text = requests[row, RESPONSE]
        limit = min(requests[row, LIMIT], requests.shape[1] - PROPOSAL)
        proposed = 0
        if limit > 0:
            proposed = draft_continuation(memory, text, limit, chains[row], ballot)
        requests[row, PROPOSED] = proposed
        for i in range(proposed):
            requests[row, PROPOSAL + i] = memory.texts[text, DRAFT + 2 * i]
        num_proposed += proposed
    return num_proposed


@kernel
def draft_step(
    nodes: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    recent: Int32Array,
    acceptance: Float64Array,
    token_ids: Int32Array,
    requests: Int32Array,
) -> tuple[int, int, int]:
    """Take in all requests of a batch, then draft for each.

    Args:
        nodes, table, texts, recent, acceptance: the fields of `Memory`.
        token_ids: int32 [batch or more, max_len], as in `SamDrafter.step`.
        requests: int32 [batch, PROPOSAL + longest draft]; PROPOSED and what follows is written.

    Returns:
        `DONE` or a fault, the row of the fault, and how many tokens are proposed.
    """
    memory = Memory(nodes, table, texts, recent, acceptance)
    fault, row = take_in_all(memory, token_ids, requests)
    num_proposed = draft_all(memory, requests) if fault == DONE else 0
    return fault, row, num_proposed
