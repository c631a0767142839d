"""One decoding step of a whole batch in one native call: take in what is new, then draft."""

from __future__ import annotations

import numpy as np

from sam_drafting.continuation import (
    LONGEST_WALK,
    MAX_CANDIDATES,
    draft_continuation,
    follow,
    learn_from,
    walk_chains,
)
from sam_drafting.index import DONE, TOO_FEW_ROWS, extend, newest_position
from sam_drafting.kernels import kernel
from sam_drafting.layout import (
    DRAFT,
    DRAFTED,
    LENGTH,
    NONE,
    PROMPT,
    TOKEN,
    Int32Array,
)
from sam_drafting.policy import Float64Array
from sam_drafting.recent import note_recent

# What `draft_step` returns besides what `extend` returns.
RESTART, BAD_LENGTH, BAD_TOKEN = range(TOO_FEW_ROWS + 1, TOO_FEW_ROWS + 4)


@kernel
def has_negative(token_ids: Int32Array, row: int, start: int, end: int) -> bool:
    """Say whether one of the tokens from `start` to `end` of a row is negative."""
    found = False
    for i in range(start, end):
        if token_ids[row, i] < 0:
            found = True
    return found


@kernel
def take_in(
    nodes: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    counters: Int32Array,
    recent: Int32Array,
    last_drafts: Int32Array,
    acceptance: Float64Array,
    text: int,
    token_ids: Int32Array,
    row: int,
    end: int,
) -> int:
    """Bring a text up to `end` tokens of a row, and learn how good its last draft was."""
    newest = newest_position(texts, text)
    start = texts[texts[text, PROMPT], LENGTH] + texts[text, LENGTH]
    if start > end:
        return RESTART
    if newest != NONE and nodes[newest, TOKEN] != token_ids[row, start - 1]:
        return RESTART
    if has_negative(token_ids, row, start, end):
        return BAD_TOKEN
    shortage = extend(nodes, table, texts, counters, text, token_ids, row, start, end)
    if shortage != DONE:
        return shortage
    note_recent(nodes, texts, recent, text, newest)
    follow(nodes, texts, last_drafts, text, newest, token_ids, row, start, end)
    learn_from(last_drafts, acceptance, text, token_ids, row, start, end)
    last_drafts[text, DRAFTED] = 0
    return DONE


@kernel
def draft_step(
    nodes: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    counters: Int32Array,
    recent: Int32Array,
    last_drafts: Int32Array,
    acceptance: Float64Array,
    bar: float,
    batch: Int32Array,
    token_ids: Int32Array,
    num_tokens: Int32Array,
    draft_limits: Int32Array,
    first: int,
    drafts: Int32Array,
    draft_lengths: Int32Array,
) -> tuple[int, int, int]:
    """Take in the rows from `first` on, then draft for all rows.

    Returns `DONE` or a fault, the row of the fault, and how many tokens were proposed.

    acceptance: the table of `policy`; batch: [batch] the text of each request; the others as in
    `layout` and in `SamDrafter.step`.
    """
    for row in range(first, batch.shape[0]):
        text, end = batch[row], num_tokens[row]
        if end < 0 or end > token_ids.shape[1]:
            return BAD_LENGTH, row, 0
        fault = take_in(
            nodes,
            table,
            texts,
            counters,
            recent,
            last_drafts,
            acceptance,
            text,
            token_ids,
            row,
            end,
        )
        if fault != DONE:
            return fault, row, 0
    candidates = np.empty((MAX_CANDIDATES, 4), np.int32)
    weights = np.empty((MAX_CANDIDATES, 2))
    chains = np.empty((batch.shape[0], LONGEST_WALK), np.int32)
    walk_chains(nodes, table, texts, last_drafts, batch, draft_limits, chains)
    num_proposed = 0
    for row in range(batch.shape[0]):
        text, limit = batch[row], min(draft_limits[row], drafts.shape[1])
        draft_lengths[row] = 0
        if limit > 0:
            draft_lengths[row] = draft_continuation(
                nodes, table, texts, recent, last_drafts, acceptance, bar, chains, row, candidates,
                weights, text, limit,
            )  # fmt: skip
        for i in range(draft_lengths[row]):
            drafts[row, i] = last_drafts[text, DRAFT + 2 * i]
        num_proposed += draft_lengths[row]
    return DONE, 0, num_proposed
