"""The texts of all requests, and where each pair of their tokens occurred."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from sam_drafting.kernels.indexing import (
    DONE,
    TOO_FEW_ROWS,
    drop_newest,
    extend,
    has_surplus_rows,
    open_prompt,
    open_response,
    relink,
    remove_prompt,
    remove_response,
    shrink_table,
)
from sam_drafting.kernels.layout import (
    FIRST_PART,
    HEADER,
    LENGTH,
    NONE,
    NUM_FREE_PAGES,
    NUM_PAGES,
    NUM_ROWS,
    NUM_TEXTS,
    NUM_TOKENS,
    PAGE_SIZE,
    PROMPT,
    ROW_WIDTH,
    Int32Array,
    text_width,
)


class Index:
    """The memory of all texts, which grows as it must and is used again.

    >>> index = Index(longest_draft=3)
    >>> prompt = index.open_prompt(np.array([5, 6, 7], np.int32))
    >>> response = index.open_response(prompt)
    >>> index.length(response), index.num_tokens([prompt])
    (0, 3)

    Attributes:
        nodes, table, texts: as in `sam_drafting.kernels.layout.Memory`. They stay the same objects
            while they grow.
    """

    def __init__(self, longest_draft: int) -> None:
        """Hold nothing yet; a last draft has at most `longest_draft` tokens."""
        self.nodes: Int32Array = np.empty((0, 3), np.int32)
        self.table: Int32Array = np.empty((0, ROW_WIDTH), np.int32)
        self.texts: Int32Array = np.full((1, text_width(longest_draft)), NONE, np.int32)
        self.texts[HEADER, [NUM_PAGES, NUM_FREE_PAGES, NUM_ROWS]] = 0
        self.texts[HEADER, NUM_TEXTS] = 1

    def length(self, text: int) -> int:
        """Return how many tokens a text has."""
        return int(self.texts[text, LENGTH])

    def lengths_with_prompts(self, responses: Int32Array) -> Int32Array:
        """Return how many tokens some responses have together with their prompts, int32 [n]."""
        prompts = self.texts[responses, PROMPT]
        lengths: Int32Array = self.texts[responses, LENGTH] + self.texts[prompts, LENGTH]
        return lengths

    def num_tokens(self, prompts: Sequence[int]) -> int:
        """Return how many tokens some prompts have, together with their responses."""
        return int(self.texts[prompts, NUM_TOKENS].sum())

    def open_prompt(self, tokens: Int32Array) -> int:
        """Take in a prompt.

        Args:
            tokens: int32 [tokens].

        Returns:
            Its text.
        """
        self._make_row()
        prompt = int(open_prompt(self.texts))
        while (shortage := extend(self.nodes, self.table, self.texts, prompt, tokens)) != DONE:
            self.enlarge(shortage)
        return prompt

    def open_response(self, prompt: int) -> int:
        """Return the text of an empty response to a prompt."""
        self._make_row()
        return int(open_response(self.texts, prompt))

    def shorten(self, response: int, length: int) -> None:
        """Forget the tokens of a response beyond a length; nothing where it is not longer."""
        surplus = self.length(response) - max(length, 0)
        if surplus > 0:
            drop_newest(self.nodes, self.table, self.texts, response, surplus)

    def remove_response(self, response: int) -> None:
        """Forget a response."""
        remove_response(self.nodes, self.table, self.texts, response)

    def remove_prompt(self, prompt: int) -> None:
        """Forget a prompt of which no response is left."""
        remove_prompt(self.nodes, self.table, self.texts, prompt)

    def shrink(self, prompt: int, texts: Iterable[int]) -> None:
        """Give back rows of the hash table of a prompt where it has far too many.

        Args:
            prompt: a prompt.
            texts: it and all its responses, oldest first.
        """
        if has_surplus_rows(self.texts, prompt):
            shrink_table(self.nodes, self.table, self.texts, prompt)
            for text in texts:
                relink(self.nodes, self.table, self.texts, text)

    def enlarge(self, shortage: int) -> None:
        """Make more of what `extend` found too little of."""
        if shortage == TOO_FEW_ROWS:
            lengthen(self.table, len(self.table) + (1 << FIRST_PART))
        else:
            lengthen(self.nodes, len(self.nodes) + PAGE_SIZE)

    def _make_row(self) -> None:
        """See to a row for one more text."""
        lengthen(self.texts, int(self.texts[HEADER, NUM_TEXTS]) + 1)


def lengthen(array: Int32Array, num_rows: int) -> None:
    """Lengthen an array, by a quarter at least, where it has fewer rows.

    In place, for the C library moves large arrays by their page tables, without copying a byte.
    Nobody may hold a view of it.
    """
    if num_rows > len(array):
        longer = max(num_rows, len(array) * 5 // 4)
        array.resize((longer, *array.shape[1:]), refcheck=False)
