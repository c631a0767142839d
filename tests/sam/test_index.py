"""The paged index against a plain model: nothing is lost, nothing dangles, all is used again."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from sam_drafting import index as paged
from sam_drafting.index import (
    DONE,
    FIRST,
    HEAD,
    LENGTH,
    NEWER,
    NONE,
    NUM_FREE_PAGES,
    NUM_PAGES,
    NUM_PARTS,
    OLDER,
    ORDER,
    PAGE_SHIFT,
    PAGE_SIZE,
    PARTS,
    ROOT,
    TEXT,
    TOKEN,
    find_keys,
    num_rows_of,
    position_after,
    position_before,
)

runs_of_tokens = st.lists(st.integers(0, 3), max_size=3 * PAGE_SIZE)


class PagedIndex(RuleBasedStateMachine):
    """Prompts come and go, texts grow in turns."""

    prompts = Bundle("prompts")
    texts = Bundle("texts")

    def __init__(self):
        super().__init__()
        self.index = paged.empty_index()
        self.rows = []
        self.contents = {}
        self.responses = {}

    def make_rows(self):
        texts = paged.with_rows(self.index.texts, len(self.index.texts) + 1)
        prompts = paged.with_rows(self.index.prompts, len(self.rows) + 1)
        self.index = self.index._replace(texts=texts, prompts=prompts)

    def extend(self, text, tokens):
        array = np.array(tokens, np.int32)
        while (shortage := paged.extend(*self.index, text, array)) != DONE:
            self.index = paged.enlarged(self.index, shortage)
        self.contents[text] += tokens

    @rule(target=prompts, tokens=runs_of_tokens)
    def open_prompt(self, tokens):
        self.make_rows()
        index = self.index
        row = next(row for row in range(len(self.rows) + 1) if row not in self.responses)
        root = paged.open_prompt(index.texts, index.prompts, index.counters, row)
        self.rows = [*{*self.rows, row}]
        self.contents[root] = []
        self.responses[row] = set()
        self.extend(root, tokens)
        return row

    @rule(target=texts, prompt=prompts)
    def open_text(self, prompt):
        if prompt not in self.responses:
            return None
        self.make_rows()
        text = int(
            paged.open_text(self.index.texts, self.index.prompts, self.index.counters, prompt)
        )
        self.contents[text] = []
        self.responses[prompt].add(text)
        return text, prompt

    @rule(text=texts, tokens=runs_of_tokens)
    def grow(self, text, tokens):
        if text and text[0] in self.responses.get(text[1], ()):
            self.extend(text[0], tokens)

    @rule(text=consumes(texts))
    def remove_text(self, text):
        if text and text[0] in self.responses.get(text[1], ()):
            paged.remove_text(*self.index, text[0])
            self.responses[text[1]].remove(text[0])
            del self.contents[text[0]]

    @rule(prompt=consumes(prompts))
    def remove_prompt(self, prompt):
        if prompt in self.responses:
            for text in self.responses.pop(prompt):
                paged.remove_text(*self.index, text)
                del self.contents[text]
            del self.contents[int(self.index.prompts[prompt, ROOT])]
            paged.remove_prompt(*self.index, prompt)

    def positions(self, text):
        found = []
        position = int(self.index.texts[text, FIRST])
        while position != NONE:
            found.append(position)
            position = int(position_after(self.index.nodes, self.index.pages, position))
        return found

    @invariant()
    def texts_hold_what_was_added(self):
        for text, tokens in self.contents.items():
            assert self.index.texts[text, LENGTH] == len(tokens)
            if tokens:
                positions = self.positions(text)
                assert self.index.nodes[positions, TOKEN].tolist() == tokens
                assert set(self.index.pages[np.array(positions) >> PAGE_SHIFT, TEXT]) == {text}

    @invariant()
    def pages_are_in_use_or_free(self):
        used = sum(-(-len(tokens) // PAGE_SIZE) for tokens in self.contents.values())
        counters = self.index.counters
        assert counters[NUM_PAGES] - counters[NUM_FREE_PAGES] == used

    @invariant()
    def chains_hold_every_linked_token_newest_first(self):
        nodes, pages, table = self.index.nodes, self.index.pages, self.index.table
        for prompt, responses in self.responses.items():
            chained = []
            row = self.index.prompts[prompt]
            for part in range(row[NUM_PARTS]):
                length = num_rows_of(part + 1) - num_rows_of(part)
                for head in range(row[PARTS + part], row[PARTS + part] + length):
                    newer, position = ~head, int(table[head, HEAD])
                    while position != NONE:
                        assert nodes[position, NEWER] == newer
                        chained.append(position)
                        newer, position = position, int(nodes[position, OLDER])
            root = int(row[ROOT])
            stored = [
                p
                for text in (root, *responses)
                if self.contents[text]
                for p in self.positions(text)
            ]
            keys = np.empty(ORDER, np.uint64)
            linked = [
                position
                for position in stored
                if nodes[position, NEWER] != NONE
                and find_keys(nodes, pages, position, keys) == ORDER
            ]
            assert sorted(chained) == sorted(linked)
            followed = {int(position_before(pages, position)) for position in stored}
            assert {p for p in stored if p in followed and p in set(stored)} <= {
                p for p in stored if nodes[p, NEWER] != NONE
            }


PagedIndex.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestPagedIndex = PagedIndex.TestCase
