"""The automata that `SamDrafter` is compared with."""

import numpy as np
import pytest
from sam_drafting import SAM

from bench.lib.drafters.automaton import AutomatonDrafter
from bench.lib.drafters.first_occurrence import FirstOccurrenceSAM
from bench.lib.drafters.peers import PerPrompt, first_occurrence, latest_occurrence

LONGEST_DRAFT = 3


def naive_first_occurrence(text, newest):
    """Continue the longest suffix of text + newest as where it occurred first."""
    whole = [*text, newest]
    for length in range(len(text), 0, -1):
        suffix = whole[-length:]
        for start in range(len(text) - length + 1):
            if text[start : start + length] == suffix:
                return text[start + length :][:LONGEST_DRAFT]
    return []


@pytest.mark.parametrize("alphabet", [2, 3, 8])
def test_the_first_occurrence_is_the_first(alphabet):
    random = np.random.default_rng(alphabet)
    for _ in range(20):
        text = random.integers(0, alphabet, 60).astype(np.int32)
        sam = FirstOccurrenceSAM(LONGEST_DRAFT)
        for end in range(1, len(text)):
            expected = naive_first_occurrence(text[: end - 1].tolist(), int(text[end - 1]))
            sam.add_tokens(text[len(sam) : end - 1])
            assert sam.draft(int(text[end - 1])) == expected


def test_a_first_occurrence_stays_known_when_memory_grows():
    text = np.array([1, 2, 3, *range(10, 200), 1, 2, 4, *range(200, 400), 1], np.int32)
    sam = FirstOccurrenceSAM(LONGEST_DRAFT)
    for start in range(0, len(text), 7):
        sam.add_tokens(text[start : start + 7])
    assert sam.draft(2) == [3, 10, 11]


def test_a_batch_of_automata_drafts_like_one_each():
    random = np.random.default_rng(0)
    tokens = random.integers(0, 4, (5, 120)).astype(np.int32)
    batch, reference = AutomatonDrafter(LONGEST_DRAFT), latest_occurrence(LONGEST_DRAFT)
    names = list("abcde")
    lengths = np.full(5, 10)
    while lengths.max() <= 120:
        arguments = names, tokens, lengths, lengths * 0 + 10, [LONGEST_DRAFT] * 5
        assert batch.step(*arguments) == reference.step(*arguments)
        lengths = lengths + random.integers(0, 4, 5)
    assert batch.nbytes > tokens.nbytes


def test_a_text_of_each_request_is_taken_in_as_it_grows():
    tokens = np.array([[1, 2, 3, 1, 2, 4, 1, 2]], np.int32)
    for make, expected in ((first_occurrence, [3, 1, 2]), (latest_occurrence, [4, 1, 2])):
        drafter = make(LONGEST_DRAFT)
        assert drafter.step(["a"], tokens, [3], [2], [0]) == [[]]
        assert drafter.step(["a"], tokens, [8], [2], [3]) == [expected]
        drafter.finish(["a"])
        assert drafter.step(["a"], tokens, [2], [2], [3]) == [[]]


def test_drafters_of_prompts_know_nothing_of_each_other():
    made = []

    def make():
        made.append(AutomatonDrafter(LONGEST_DRAFT))
        return made[-1]

    drafter = PerPrompt(make)
    tokens = np.array([[1, 2, 5, 0], [3, 4, 5, 6], [1, 2, 7, 8]], np.int32)
    drafter.step(["a", "b", "c"], tokens, [3, 4, 4], [2, 2, 2], [3, 3, 3])
    assert [sorted(each._slots) for each in made if each._slots] == [["a", "c"], ["b"]]
    drafter.finish(["a", "c"])
    assert [sorted(each._slots) for each in made if each._slots] == [["b"]]


def test_the_reference_is_the_class_that_is_shipped():
    text = np.array([1, 2, 3, 1, 2], np.int32)
    sam = SAM(LONGEST_DRAFT)
    sam.add_tokens(text[:-1])
    index, _ = sam.lookup(2)
    drafter = latest_occurrence(LONGEST_DRAFT)
    assert drafter.step(["a"], text[None], [5], [1], [3]) == [sam.gen_draft(index, 2)]
