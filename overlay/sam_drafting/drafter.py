"""Drafts for a whole batch of requests, each from its own text and those that share its prompt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_drafting import index as paged
from sam_drafting.continuation import LENGTH as MATCH_LENGTH
from sam_drafting.continuation import MAX_CANDIDATES, draft_continuation, follow
from sam_drafting.history import Finished, History, Prompt
from sam_drafting.index import (
    DONE,
    LENGTH,
    NEWEST,
    NONE,
    NUM_TEXTS,
    ORDER,
    PROMPT,
    ROOT,
    TOKEN,
    Int32Array,
    newest_position,
)
from sam_drafting.kernels import kernel
from sam_drafting.policy import Float64Array, initial_table, learn, lowest_acceptance
from sam_drafting.sam import checked_draft_length

INT32 = np.iinfo(np.int32)

# What `draft_step` returns besides `DONE` and what `extend` returns.
RESTART, BAD_LENGTH, BAD_TOKEN = range(paged.TOO_FEW_ROWS + 1, paged.TOO_FEW_ROWS + 4)

# Columns of the last draft of a text: the match that it continued, how many tokens the request had,
# and how many were drafted.
MATCH, AT, DRAFTED = slice(0, 2), 2, 3
# Rows of the last draft's tokens: themselves, and their cells in the table of acceptance.
TOKENS, CELLS = range(2)


@kernel
def fault_of(tokens: Int32Array, start: int) -> int:
    """`BAD_TOKEN` where a token from `start` on is negative."""
    fault = DONE
    for i in range(start, tokens.shape[0]):
        if tokens[i] < 0:
            fault = BAD_TOKEN
    return fault


@kernel
def take_in(
    nodes: Int32Array,
    pages: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    prompts: Int32Array,
    counters: Int32Array,
    last_drafts: Int32Array,
    draft_tokens: Int32Array,
    acceptance: Float64Array,
    text: int,
    tokens: Int32Array,
) -> int:
    """Bring a text up to all of `tokens`, and learn from those how good its last draft was."""
    root = prompts[texts[text, PROMPT], ROOT]
    newest = newest_position(texts, text, root)
    start = texts[root, LENGTH] + texts[text, LENGTH]
    if start > tokens.shape[0]:
        return RESTART
    if texts[text, NEWEST] != NONE and nodes[newest, TOKEN] != tokens[start - 1]:
        return RESTART
    fault = fault_of(tokens, start)
    if fault == DONE:
        new = tokens[start:]
        fault = paged.extend(nodes, pages, table, texts, prompts, counters, text, new)
    if fault == DONE:
        last = last_drafts[text]
        if last[AT] != start:
            last[MATCH.start + MATCH_LENGTH] = 0
        else:
            follow(nodes, pages, texts, text, root, newest, new, last[MATCH])
            drafted = last[DRAFTED]
            learn(acceptance, draft_tokens[text, CELLS], draft_tokens[text, TOKENS, :drafted], new)
        last[AT] = tokens.shape[0]
        last[DRAFTED] = 0
    return fault


@kernel
def draft_step(
    nodes: Int32Array,
    pages: Int32Array,
    table: Int32Array,
    texts: Int32Array,
    prompts: Int32Array,
    counters: Int32Array,
    last_drafts: Int32Array,
    draft_tokens: Int32Array,
    acceptance: Float64Array,
    bar: float,
    batch: Int32Array,
    token_ids: Int32Array,
    num_tokens: Int32Array,
    draft_limits: Int32Array,
    first: int,
    drafts: Int32Array,
    draft_lengths: Int32Array,
) -> tuple[int, int]:
    """Take in and draft for the rows from `first` on; returns `DONE`, or a fault and its row."""
    candidates = np.empty((MAX_CANDIDATES + 1, 2), np.int32)
    weights = np.empty(MAX_CANDIDATES + 1)
    keys = np.empty(ORDER, np.uint64)
    for row in range(first, batch.shape[0]):
        if num_tokens[row] < 0 or num_tokens[row] > token_ids.shape[1]:
            return BAD_LENGTH, row
        text = batch[row]
        tokens = token_ids[row, : num_tokens[row]]
        fault = take_in(
            nodes, pages, table, texts, prompts, counters, last_drafts, draft_tokens, acceptance,
            text, tokens,
        )  # fmt: skip
        if fault != DONE:
            return fault, row
        draft_lengths[row] = 0
        limit = min(draft_limits[row], drafts.shape[1])
        if limit > 0:
            proposed, drafted = draft_continuation(
                nodes, pages, table, texts, prompts, text, last_drafts[text, MATCH], acceptance,
                bar, candidates, weights, keys, draft_tokens[text, TOKENS, :limit],
                draft_tokens[text, CELLS],
            )  # fmt: skip
            last_drafts[text, DRAFTED] = drafted
            draft_lengths[row] = proposed
            drafts[row, :proposed] = draft_tokens[text, TOKENS, :proposed]
    return DONE, 0


class SamDrafter:
    """Drafts for batches of requests; keeps their texts between the steps.

    >>> drafter = SamDrafter(num_speculative_tokens=2)
    >>> tokens = np.array([[5, 6, 7, 5, 6, 0]], np.int32)
    >>> drafter.step(["a"], tokens, num_tokens=[5], num_prompt_tokens=[5], draft_limits=2)
    [[7, 5]]
    """

    def __init__(
        self,
        num_speculative_tokens: int,
        *,
        share_prompts: bool = True,
        history_tokens: int = 0,
        min_acceptance: float = 0.0,
    ) -> None:
        """Make a drafter and compile its kernels (seconds the first time, then from disk).

        Args:
            num_speculative_tokens: longest draft.
            share_prompts: requests with the same prompt draft from each other's responses too,
                those that are being generated included.
            history_tokens: tokens of finished responses, and of their prompts, that stay for
                requests with the same prompt; 0: none stay.
            min_acceptance: a draft ends where it is less likely than this, 0 to 1, that all of it
                is accepted. In a large batch it ends earlier (`policy.lowest_acceptance`).

        Raises:
            TypeError: an option is no number.
            ValueError: an option is out of its range, or a history without shared prompts.
        """
        self.num_speculative_tokens = checked_draft_length(num_speculative_tokens)
        self.share_prompts = bool(share_prompts)
        self.min_acceptance = _checked_acceptance(min_acceptance)
        self._history = History(_checked_budget(history_tokens, self.share_prompts))
        self._index = paged.empty_index()
        self._acceptance = initial_table()
        self._last_drafts = np.empty((0, 4), np.int32)
        self._draft_tokens = np.empty((0, 2, self.num_speculative_tokens), np.int32)
        self._texts: dict[str, int] = {}
        self._prompts: dict[bytes, Prompt] = {}
        self._prompt_of: dict[int, Prompt] = {}
        self._unused_rows: list[int] = []
        self._time = 0
        self._compile()

    def _compile(self) -> None:
        self.step(["compile"], np.zeros((1, 2), np.int32), [2], [1], 1)
        self._discard("compile")

    @property
    def nbytes(self) -> int:
        """Bytes reserved. They are used again, not given back, when requests finish."""
        arrays = (*self._index, self._last_drafts, self._draft_tokens, self._acceptance)
        return sum(array.nbytes for array in arrays)

    @property
    def num_tokens(self) -> int:
        """Tokens held at present: of live requests, their prompts and siblings, and the history."""
        rows = [prompt.row for prompt in self._prompts.values()]
        return int(self._index.prompts[rows, paged.NUM_TOKENS].sum())

    @property
    def num_history_tokens(self) -> int:
        """Tokens of the history alone."""
        return self._history.num_tokens

    def __len__(self) -> int:
        """Live requests."""
        return len(self._texts)

    def step(
        self,
        req_ids: Sequence[str],
        token_ids: Int32Array,
        num_tokens: npt.ArrayLike,
        num_prompt_tokens: npt.ArrayLike,
        draft_limits: npt.ArrayLike,
    ) -> list[list[int]]:
        """Take in what is new of each request, then draft.

        A request is known by its id alone: it may change rows, be absent for some steps, and
        bring any number of new tokens. Where there are fewer than were seen before, or the last of
        those has changed, it starts over; a change further back is not looked for. The same steps
        give the same drafts in every process.

        Args:
            req_ids: one id a request of the batch.
            token_ids: int32 [batch or more, max_len]; row i begins with the tokens of request i.
            num_tokens: [batch] tokens of each request, prompt and output.
            num_prompt_tokens: [batch] how many of them are the prompt; read when a request is new.
            draft_limits: most draft tokens a request, an int or [batch]; 0 only takes in. Never
                more than `num_speculative_tokens` are drafted.

        Returns:
            Draft tokens a request, in new lists that the caller may keep and change.

        Raises:
            TypeError: `token_ids` is no int32 array, or the numbers are no integers.
            ValueError: shapes that do not fit the batch, a number of tokens that does not fit
                `token_ids`, or a negative token id. Requests before the one at fault have
                taken their tokens in; the next step goes on from there.
        """
        batch_size = len(req_ids)
        tokens = _checked_tokens(token_ids, batch_size)
        lengths = _one_per_request("num_tokens", num_tokens, batch_size)
        prompt_lengths = _one_per_request("num_prompt_tokens", num_prompt_tokens, batch_size)
        if np.ndim(draft_limits) == 0:
            draft_limits = self._limit_for_all(np.asarray(draft_limits), batch_size)
        limits = _one_per_request("draft_limits", draft_limits, batch_size)
        try:
            batch = np.array([self._texts[req_id] for req_id in req_ids], np.int32)
        except KeyError:
            self._begin_unknown(req_ids, tokens, lengths, prompt_lengths)
            batch = np.array([self._texts[req_id] for req_id in req_ids], np.int32)
        drafts = np.empty((batch_size, self.num_speculative_tokens), np.int32)
        draft_lengths = np.empty(batch_size, np.int32)
        bar = lowest_acceptance(self.min_acceptance, batch_size)
        row = 0
        while True:
            fault, row = draft_step(
                *self._index, self._last_drafts, self._draft_tokens, self._acceptance, bar,
                batch, tokens, lengths, limits, row, drafts, draft_lengths,
            )  # fmt: skip
            if fault == DONE:
                break
            if fault == RESTART:
                self._discard(req_ids[row])
                batch[row] = self._begin(
                    req_ids[row], tokens[row, : lengths[row]], prompt_lengths[row]
                )
            elif fault in (BAD_LENGTH, BAD_TOKEN):
                raise _fault(req_ids[row], tokens[row], lengths[row])
            else:
                self._index = paged.enlarged(self._index, fault)
        return [
            draft[:length]
            for draft, length in zip(drafts.tolist(), draft_lengths.tolist(), strict=True)
        ]

    def finish(self, req_ids: Iterable[str]) -> None:
        """End requests; ids that are not known are passed over.

        Their responses stay while a request with the same prompt runs that ran beside them, then
        in the history as far as its budget goes.
        """
        for req_id in req_ids:
            text = self._texts.pop(req_id, None)
            if text is not None:
                self._end(text)

    def _limit_for_all(self, limit: npt.NDArray[Any], batch_size: int) -> Int32Array:
        if limit.dtype.kind not in "iu":
            raise TypeError(f"draft_limits must be integers, not {limit.dtype}")
        return np.full(batch_size, min(max(int(limit), 0), self.num_speculative_tokens), np.int32)

    def _begin_unknown(
        self,
        req_ids: Sequence[str],
        token_ids: Int32Array,
        num_tokens: Int32Array,
        num_prompt_tokens: Int32Array,
    ) -> None:
        for row, req_id in enumerate(req_ids):
            if req_id not in self._texts:
                if not 0 <= num_tokens[row] <= token_ids.shape[1]:
                    raise _fault(req_id, token_ids[row], num_tokens[row])
                tokens = token_ids[row, : num_tokens[row]]
                if fault_of(tokens, 0) != DONE:
                    raise _fault(req_id, tokens, num_tokens[row])
                self._begin(req_id, tokens, num_prompt_tokens[row])

    def _begin(self, req_id: str, tokens: Int32Array, num_prompt_tokens: int) -> int:
        """Open an empty response to the prompt that `tokens` begin with; returns its text."""
        prompt = self._prompt(req_id, tokens[: max(num_prompt_tokens, 0)])
        self._make_rows()
        index = self._index
        text = int(paged.open_text(index.texts, index.prompts, index.counters, prompt.row))
        self._last_drafts[text] = 0
        self._texts[req_id] = text
        self._prompt_of[text] = prompt
        prompt.begin(text, self._tick())
        self._history.use(prompt)
        return text

    def _prompt(self, req_id: str, tokens: Int32Array) -> Prompt:
        """The prompt with these tokens, taken in where it is new."""
        key = (
            blake2b(tokens.tobytes(), digest_size=16).digest()
            if self.share_prompts
            else req_id.encode()
        )
        prompt = self._prompts.get(key)
        if prompt is None:
            row = self._unused_rows.pop() if self._unused_rows else len(self._prompts)
            prompt = self._prompts[key] = Prompt(row, key, len(tokens))
            self._make_rows()
            index = self._index
            root = paged.open_prompt(index.texts, index.prompts, index.counters, row)
            while (shortage := paged.extend(*self._index, root, tokens)) != DONE:
                self._index = paged.enlarged(self._index, shortage)
        return prompt

    def _make_rows(self) -> None:
        """See to a row for one more text, and for all prompts."""
        num_texts = int(self._index.counters[NUM_TEXTS]) + 1
        self._index = self._index._replace(
            texts=paged.with_rows(self._index.texts, num_texts),
            prompts=paged.with_rows(self._index.prompts, len(self._prompts)),
        )
        self._last_drafts = paged.with_rows(self._last_drafts, num_texts)
        self._draft_tokens = paged.with_rows(self._draft_tokens, num_texts)

    def _end(self, text: int) -> None:
        """Let a response pass to its siblings and on to the history, and forget what overflows."""
        prompt = self._prompt_of.pop(text)
        num_tokens = int(self._index.texts[text, LENGTH])
        for response in prompt.end(Finished(text, num_tokens, self._tick())):
            self._history.add(prompt, response)
        for former, responses in self._history.overflow():
            for response in responses:
                paged.remove_text(*self._index, response.text)
            if former is not prompt:
                self._forget_if_unused(former)
        self._forget_if_unused(prompt)

    def _discard(self, req_id: str) -> None:
        """Forget a live request and what it generated."""
        text = self._texts.pop(req_id)
        prompt = self._prompt_of.pop(text)
        del prompt.live[text]
        paged.remove_text(*self._index, text)
        self._forget_if_unused(prompt)

    def _forget_if_unused(self, prompt: Prompt) -> None:
        if prompt.is_unused:
            paged.remove_prompt(*self._index, prompt.row)
            del self._prompts[prompt.key]
            self._unused_rows.append(prompt.row)

    def _tick(self) -> int:
        self._time += 1
        return self._time


def _checked_acceptance(value: float) -> float:
    if not isinstance(value, Real):
        raise TypeError(f"min_acceptance must be a number, not {value!r}")
    if not 0.0 <= value < 1.0:
        raise ValueError(f"min_acceptance must be at least 0 and below 1, not {value}")
    return float(value)


def _checked_budget(value: int, share_prompts: bool) -> int:
    if not isinstance(value, Integral):
        raise TypeError(f"history_tokens must be an integer, not {value!r}")
    if value < 0:
        raise ValueError(f"history_tokens must be at least 0, not {value}")
    if value and not share_prompts:
        raise ValueError("history_tokens needs share_prompts: a history is shared by prompt")
    return int(value)


def _checked_tokens(token_ids: Int32Array, batch_size: int) -> Int32Array:
    """`token_ids` in the layout that the kernels are compiled for."""
    if not isinstance(token_ids, np.ndarray) or token_ids.dtype != np.int32:
        kind = getattr(token_ids, "dtype", type(token_ids).__name__)
        raise TypeError(f"token_ids must be an int32 array, not {kind}")
    if token_ids.ndim != 2 or token_ids.shape[0] < batch_size:
        raise ValueError(
            f"token_ids must have a row for each of {batch_size} requests, "
            f"not shape {token_ids.shape}"
        )
    if not (token_ids.flags.c_contiguous and token_ids.flags.writeable):
        token_ids = token_ids.copy()
    tokens: Int32Array = token_ids
    return tokens


def _one_per_request(name: str, values: npt.ArrayLike, batch_size: int) -> Int32Array:
    array = np.asarray(values)
    if array.shape != (batch_size,):
        raise ValueError(f"{name} must have one entry for each of {batch_size} requests")
    if array.dtype != np.int32 and batch_size:
        if array.dtype.kind not in "iu":
            raise TypeError(f"{name} must be integers, not {array.dtype}")
        if array.min() < INT32.min or array.max() > INT32.max:
            raise ValueError(f"{name} has a number beyond {INT32.max}")
    return np.ascontiguousarray(array, np.int32)


def _fault(req_id: str, tokens: Int32Array, num_tokens: int) -> ValueError:
    if not 0 <= num_tokens <= len(tokens):
        message = f"request {req_id!r} has num_tokens {num_tokens}, its row holds {len(tokens)}"
    else:
        position = int(np.argmax(tokens[:num_tokens] < 0))
        message = f"request {req_id!r} has the negative token id {tokens[position]} at {position}"
    return ValueError(message)
