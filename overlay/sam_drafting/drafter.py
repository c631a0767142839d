"""Drafts for a whole batch of requests, each from its own text and those that share its prompt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from sam_drafting.arguments import (
    checked_acceptance,
    checked_budget,
    checked_draft_length,
    checked_limits,
    checked_rows,
    one_per_request,
    request_fault,
)
from sam_drafting.history import Finished, History, Prompt
from sam_drafting.index import Index
from sam_drafting.kernels.acceptance import initial_table, set_bar
from sam_drafting.kernels.indexing import DONE
from sam_drafting.kernels.layout import (
    AHEAD,
    END,
    LIMIT,
    PROPOSAL,
    PROPOSED,
    RESPONSE,
    Int32Array,
    Memory,
)
from sam_drafting.kernels.recent import NUM_BUCKETS, no_places
from sam_drafting.kernels.step import BAD_LENGTH, BAD_TOKEN, RESTART, draft_step, has_negative
from sam_drafting.policy import lowest_acceptance


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
            share_prompts: requests draft from each other's responses too, those that are being
                generated included: first with the same prompt, then with any.
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
        self.min_acceptance = checked_acceptance(min_acceptance)
        self._history = History(checked_budget(history_tokens, self.share_prompts))
        self._index = Index(self.num_speculative_tokens)
        self._memory = Memory(
            self._index.nodes,
            self._index.table,
            self._index.texts,
            no_places(NUM_BUCKETS if self.share_prompts else 0),
            initial_table(),
        )
        self._texts: dict[str, int] = {}
        # The batch of the last step, for the next is mostly the same; None when it may not be.
        self._batch_ids: list[str] | None = None
        self._requests = self._empty_requests(0)
        self._prompts: dict[bytes, Prompt] = {}
        self._prompt_of: dict[int, Prompt] = {}
        self._time = 0
        self._compile()

    def _compile(self) -> None:
        self.step(["compile"], np.zeros((1, 2), np.int32), [2], [1], 1)
        self._discard("compile")

    @property
    def nbytes(self) -> int:
        """Bytes reserved. They are used again, not given back, when requests finish."""
        return sum(array.nbytes for array in self._memory)

    @property
    def num_tokens(self) -> int:
        """Tokens held at present: of live requests, their prompts and siblings, and the history."""
        return self._index.num_tokens([prompt.text for prompt in self._prompts.values()])

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
                `token_ids`, or a negative token id. The request at fault is as before, others
                may have taken their tokens in; the next step goes on from there.
        """
        batch_size = len(req_ids)
        tokens = checked_rows(token_ids, batch_size)
        lengths = one_per_request("num_tokens", num_tokens, batch_size)
        prompt_lengths = one_per_request("num_prompt_tokens", num_prompt_tokens, batch_size)
        limits = checked_limits(draft_limits, batch_size, self.num_speculative_tokens)
        self._begin_unknown(req_ids, tokens, lengths, prompt_lengths)
        while True:
            fault, row, drafts = self._attempt(req_ids, tokens, 0, lengths, limits)
            if fault == DONE:
                return drafts
            if fault != RESTART:
                raise request_fault(req_ids[row], tokens[row], lengths[row])
            _check_row(req_ids[row], tokens[row], lengths[row])
            self._discard(req_ids[row])
            self._begin(req_ids[row], tokens[row], lengths[row], prompt_lengths[row])

    def advance(
        self,
        req_ids: Sequence[str],
        token_ids: Int32Array,
        num_new_tokens: npt.ArrayLike,
        draft_limits: npt.ArrayLike,
    ) -> list[list[int]]:
        """Take in tokens that follow those that are known of each request, then draft.

        For who has only what is new of each request. A `step` with a limit of 0 makes it known.

        Args:
            req_ids: one id a request of the batch, of requests that are known.
            token_ids: int32 [batch or more, width]; row i begins with the new tokens of request i.
            num_new_tokens: [batch] how many they are, 0 or more.
            draft_limits: as in `step`.

        Returns:
            Draft tokens a request, in new lists that the caller may keep and change.

        Raises:
            TypeError: as in `step`.
            ValueError: a request is not known; shapes that do not fit the batch, a number of tokens
                that does not fit `token_ids`, or a negative token id. The request at fault is as
                before, those ahead of it have taken their tokens in.
        """
        batch_size = len(req_ids)
        tokens = checked_rows(token_ids, batch_size)
        num_new = one_per_request("num_new_tokens", num_new_tokens, batch_size)
        limits = checked_limits(draft_limits, batch_size, self.num_speculative_tokens)
        if unknown := [req_id for req_id in req_ids if req_id not in self._texts]:
            raise ValueError(f"request {unknown[0]!r} is not known: give all its tokens to `step`")
        known = self._index.lengths_with_prompts(self._requests_of(req_ids)[:, RESPONSE])
        fault, row, drafts = self._attempt(req_ids, tokens, known, known + num_new, limits)
        if fault != DONE:
            raise request_fault(req_ids[row], tokens[row], num_new[row])
        return drafts

    def finish(self, req_ids: Iterable[str], num_tokens: Mapping[str, int] | None = None) -> None:
        """End requests; ids that are not known are passed over.

        Their responses stay while a request with the same prompt runs that ran beside them, then
        in the history as far as its budget goes.

        Args:
            req_ids: the requests.
            num_tokens: where an answer ended, by request: so many tokens it has with its prompt,
                and what was taken in beyond them is forgotten. One that is not there has all.
        """
        ends = {} if num_tokens is None else num_tokens
        texts = {
            self._texts.pop(req_id): ends.get(req_id)
            for req_id in dict.fromkeys(req_ids)
            if req_id in self._texts
        }
        self._batch_ids = None
        # vLLM passes a set, whose order differs from process to process.
        for text in sorted(texts, key=lambda text: self._prompt_of[text].live[text]):
            end = texts[text]
            if end is not None:
                self._index.shorten(text, end - self._prompt_of[text].num_tokens)
            self._end(text)

    def _attempt(
        self,
        req_ids: Sequence[str],
        tokens: Int32Array,
        ahead: int | Int32Array,
        lengths: Int32Array,
        limits: int | Int32Array,
    ) -> tuple[int, int, list[list[int]]]:
        """Take in and draft, with as much memory as it takes.

        Returns:
            `DONE` or a fault of a request, its row, and the drafts, which are none after a fault.
        """
        while True:
            requests = self._requests_of(req_ids)
            requests[:, AHEAD] = ahead
            requests[:, END] = lengths
            requests[:, LIMIT] = limits
            fault, row, num_proposed = draft_step(*self._memory, tokens, requests)
            if fault == DONE and num_proposed:
                return fault, row, _proposals(requests)
            if fault in (DONE, RESTART, BAD_LENGTH, BAD_TOKEN):
                return fault, row, [[] for _ in req_ids]
            self._index.enlarge(fault)

    def _empty_requests(self, batch_size: int) -> Int32Array:
        return np.empty((batch_size, PROPOSAL + self.num_speculative_tokens), np.int32)

    def _requests_of(self, req_ids: Sequence[str]) -> Int32Array:
        """[batch, columns] a row for each request, all of which are known, with its response."""
        if self._batch_ids != req_ids:
            self._requests = self._empty_requests(len(req_ids))
            self._requests[:, RESPONSE] = [self._texts[req_id] for req_id in req_ids]
            self._batch_ids = list(req_ids)
            set_bar(self._memory.acceptance, lowest_acceptance(self.min_acceptance, len(req_ids)))
        return self._requests

    def _begin_unknown(
        self,
        req_ids: Sequence[str],
        token_ids: Int32Array,
        num_tokens: Int32Array,
        num_prompt_tokens: Int32Array,
    ) -> None:
        if self._batch_ids == req_ids:
            return
        for row, req_id in enumerate(req_ids):
            if req_id not in self._texts:
                _check_row(req_id, token_ids[row], num_tokens[row])
                self._begin(req_id, token_ids[row], num_tokens[row], num_prompt_tokens[row])

    def _begin(
        self, req_id: str, tokens: Int32Array, num_tokens: int, num_prompt_tokens: int
    ) -> None:
        """Open an empty response to the prompt that a row of tokens begins with."""
        prompt_length = int(min(max(num_prompt_tokens, 0), num_tokens))
        prompt = self._prompt(req_id, tokens[:prompt_length])
        text = self._index.open_response(prompt.text)
        self._texts[req_id] = text
        self._batch_ids = None
        self._prompt_of[text] = prompt
        prompt.begin(text, self._tick())
        self._history.use(prompt)

    def _prompt(self, req_id: str, tokens: Int32Array) -> Prompt:
        """Return the prompt with these tokens, taken in where it is new."""
        key = req_id.encode(errors="surrogatepass")
        if self.share_prompts:
            key = blake2b(tokens.tobytes(), digest_size=16).digest()
        prompt = self._prompts.get(key)
        if prompt is None:
            prompt = Prompt(self._index.open_prompt(tokens), key, len(tokens))
            self._prompts[key] = prompt
        return prompt

    def _end(self, text: int) -> None:
        """Let a response pass to its siblings, and on to the history."""
        prompt = self._prompt_of.pop(text)
        prompt.end(Finished(text, self._index.length(text), self._tick()))
        self._settle(prompt)

    def _discard(self, req_id: str) -> None:
        """Forget a live request and what it generated."""
        text = self._texts.pop(req_id)
        self._batch_ids = None
        prompt = self._prompt_of.pop(text)
        del prompt.live[text]
        self._index.remove_response(text)
        self._settle(prompt)

    def _settle(self, prompt: Prompt) -> None:
        """Let responses that serve no live one pass to the history; forget what overflows it."""
        for response in prompt.outlived():
            if self._history.takes(prompt, response):
                self._history.add(prompt, response)
            else:
                self._index.remove_response(response.text)
        for former, responses in self._history.overflow():
            for response in responses:
                self._index.remove_response(response.text)
            if former is not prompt:
                self._shrink(former)
        self._shrink(prompt)

    def _shrink(self, prompt: Prompt) -> None:
        """Give back what a prompt needs no more: all of it, or rows of its hash table."""
        if prompt.is_unused:
            self._index.remove_prompt(prompt.text)
            del self._prompts[prompt.key]
        else:
            self._index.shrink(prompt.text, prompt.texts())

    def _tick(self) -> int:
        self._time += 1
        return self._time


def _check_row(req_id: str, tokens: Int32Array, length: int) -> None:
    if not 0 <= length <= len(tokens) or has_negative(tokens[:length]):
        raise request_fault(req_id, tokens, length)


def _proposals(requests: Int32Array) -> list[list[int]]:
    """Return what is proposed for each request, in new lists."""
    drafts: list[list[int]] = requests[:, PROPOSAL:].tolist()
    return [
        draft if length == len(draft) else draft[:length]
        for draft, length in zip(drafts, requests[:, PROPOSED].tolist(), strict=True)
    ]
