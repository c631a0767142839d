"""The paged index against a plain model: nothing is lost, nothing dangles, all is used again."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from sam_drafting.index import Index
from sam_drafting.kernels.indexing import DONE, extend
from sam_drafting.kernels.layout import (
    FIRST,
    HEAD,
    HEADER,
    NEWER,
    NONE,
    NUM_FREE_PAGES,
    NUM_PAGES,
    NUM_PARTS,
    OLDER,
    PARTS,
    TOKEN,
    TOKENS_A_PAGE,
    UNCHAINED,
)
from sam_drafting.kernels.pages import position_after, position_before, text_of
from sam_drafting.kernels.table import latest_place, num_rows_of_part

runs_of_tokens = st.lists(st.integers(0, 3), max_size=3 * TOKENS_A_PAGE)


class PagedIndex(RuleBasedStateMachine):
    """Prompts come and go, texts grow in turns."""

    prompts = Bundle("prompts")
    texts = Bundle("texts")

    def __init__(self):
        super().__init__()
        self.index = Index(longest_draft=3)
        self.contents = {}
        self.responses = {}

    @rule(target=prompts, tokens=runs_of_tokens)
    def open_prompt(self, tokens):
        prompt = self.index.open_prompt(np.array(tokens, np.int32))
        self.contents[prompt] = list(tokens)
        self.responses[prompt] = set()
        return prompt

    @rule(target=texts, prompt=prompts)
    def open_response(self, prompt):
        if prompt not in self.responses:
            return None
        text = self.index.open_response(prompt)
        self.contents[text] = []
        self.responses[prompt].add(text)
        return text, prompt

    @rule(text=texts, tokens=runs_of_tokens)
    def grow(self, text, tokens):
        if text and text[0] in self.responses.get(text[1], ()):
            arrays = self.index.nodes, self.index.table, self.index.texts
            new = np.array(tokens, np.int32)
            while (shortage := extend(*arrays, text[0], new)) != DONE:
                self.index.enlarge(shortage)
            self.contents[text[0]] += tokens

    @rule(text=texts, length=st.integers(-1, 3 * TOKENS_A_PAGE))
    def shorten(self, text, length):
        if text and text[0] in self.responses.get(text[1], ()):
            self.index.shorten(text[0], length)
            del self.contents[text[0]][max(length, 0) :]

    @rule(text=consumes(texts))
    def remove_response(self, text):
        if text and text[0] in self.responses.get(text[1], ()):
            self.index.remove_response(text[0])
            self.responses[text[1]].remove(text[0])
            del self.contents[text[0]]

    @rule(prompt=consumes(prompts))
    def remove_prompt(self, prompt):
        if prompt in self.responses:
            for text in self.responses.pop(prompt):
                self.index.remove_response(text)
                del self.contents[text]
            del self.contents[prompt]
            self.index.remove_prompt(prompt)

    def positions(self, text):
        found = []
        position = int(self.index.texts[text, FIRST])
        while position != NONE:
            found.append(position)
            position = int(position_after(self.index.nodes, position))
        return found

    def rows(self, prompt):
        """Rows of the hash table of a prompt."""
        columns = self.index.texts[prompt]
        for part in range(columns[NUM_PARTS]):
            yield from range(columns[PARTS + part], columns[PARTS + part] + num_rows_of_part(part))

    def chained(self, prompt):
        """Positions in the chains of a prompt, the links between which are right."""
        nodes = self.index.nodes
        found = []
        for row in self.rows(prompt):
            newer, position = ~row, int(self.index.table[row, HEAD])
            while position != NONE:
                assert nodes[position, NEWER] == newer
                found.append(position)
                newer, position = position, int(nodes[position, OLDER])
        return found

    @invariant()
    def texts_hold_what_was_added(self):
        for text, tokens in self.contents.items():
            assert self.index.length(text) == len(tokens)
            positions = self.positions(text) if tokens else []
            assert self.index.nodes[positions, TOKEN].tolist() == tokens
            assert all(text_of(self.index.nodes, position) == text for position in positions)

    @invariant()
    def prompts_know_how_much_they_hold(self):
        for prompt, responses in self.responses.items():
            held = sum(len(self.contents[text]) for text in (prompt, *responses))
            assert self.index.num_tokens([prompt]) == held

    @invariant()
    def pages_are_in_use_or_free(self):
        used = sum(-(-len(tokens) // TOKENS_A_PAGE) for tokens in self.contents.values())
        header = self.index.texts[HEADER]
        assert header[NUM_PAGES] - header[NUM_FREE_PAGES] == used

    @invariant()
    def every_token_but_the_newest_is_findable(self):
        nodes = self.index.nodes
        for prompt, responses in self.responses.items():
            stored = [
                position
                for text in (prompt, *responses)
                if self.contents[text]
                for position in self.positions(text)
            ]
            before = {position: int(position_before(nodes, position)) for position in stored}
            linked = [position for position in stored if nodes[position, NEWER] != NONE]
            assert set(before.values()) - {NONE} <= set(linked)
            pairs = [position for position in linked if nodes[position, NEWER] != UNCHAINED]
            assert all((before[p] == NONE) == (nodes[p, NEWER] == UNCHAINED) for p in linked)
            assert sorted(self.chained(prompt)) == sorted(pairs)

    @invariant()
    def latest_places_are_of_their_token(self):
        for prompt in self.responses:
            if self.index.texts[prompt, NUM_PARTS]:
                for token in range(4):
                    place = int(latest_place(self.index.table, self.index.texts, prompt, token))
                    assert place == NONE or self.index.nodes[place, TOKEN] == token


PagedIndex.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestPagedIndex = PagedIndex.TestCase
