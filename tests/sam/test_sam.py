"""The automaton against brute force, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sam_drafting import SAM

NUM_SPECULATIVE_TOKENS = 4


def longest_match(text, token):
    """Length of the longest suffix of text + token that occurs in text, and its latest end."""
    extended = [*text, token]
    for length in range(len(text), 0, -1):
        suffix = extended[len(extended) - length :]
        for end in range(len(text), length - 1, -1):
            if text[end - length : end] == suffix:
                return length, end
    return 0, 0


def continuation(text, token, end):
    """What follows position `end`, read on into the draft itself."""
    extended = [*text, token]
    first = len(extended)
    for position in range(end, end + NUM_SPECULATIVE_TOKENS):
        extended.append(extended[position])
    return extended[first:]


small_vocabulary = st.lists(st.integers(0, 2), max_size=60)
large_vocabulary = st.lists(st.integers(0, 2**31 - 1), max_size=40)
periodic = st.builds(
    lambda period, count, interruption: period * count + interruption + period * count,
    st.lists(st.integers(0, 3), min_size=1, max_size=5),
    st.integers(1, 12),
    st.lists(st.integers(4, 5), max_size=2),
)
texts = st.one_of(small_vocabulary, large_vocabulary, periodic)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_lookup_and_draft_equal_brute_force_at_every_position(text):
    sam = SAM(NUM_SPECULATIVE_TOKENS)
    for position, token in enumerate(text):
        index, length = sam.lookup(token)
        assert index >= 0
        expected_length, end = longest_match(text[:position], token)
        assert length == expected_length
        expected = continuation(text[:position], token, end) if length else []
        assert sam.gen_draft(index, token) == expected
        sam.add_tokens([token])


@settings(max_examples=100, deadline=None)
@given(texts, st.integers(0, 3), st.data())
def test_growth_in_pieces_equals_growth_at_once(text, token, data):
    at_once = SAM(NUM_SPECULATIVE_TOKENS)
    at_once.add_tokens(text)
    in_pieces = SAM(NUM_SPECULATIVE_TOKENS)
    cut = data.draw(st.integers(0, len(text)))
    in_pieces.add_tokens(text[:cut])
    in_pieces.add_tokens(text[cut:])
    assert in_pieces.lookup(token) == at_once.lookup(token)


@given(texts)
def test_lookup_changes_nothing(text):
    sam = SAM(NUM_SPECULATIVE_TOKENS)
    sam.add_tokens(text)
    before = [array.copy() for array in sam._arrays]
    for token in range(4):
        sam.lookup(token)
    for array, copy in zip(sam._arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_reset_forgets_the_text():
    sam = SAM(2)
    sam.add_tokens([1, 2, 1, 2])
    sam.reset()
    assert len(sam) == 0
    assert sam.lookup(1) == (0, 0)
    sam.add_tokens([3, 4])
    assert sam.gen_draft(sam.lookup(3)[0], 3) == [4, 3]


def test_start_token_continues_a_match_at_the_end_of_the_text():
    sam = SAM(3)
    sam.add_tokens([7, 7])
    index, length = sam.lookup(7)
    assert (length, sam.gen_draft(index, 7)) == (2, [7, 7, 7])


def test_no_match_no_draft():
    sam = SAM(3)
    sam.add_tokens([1, 2, 3])
    index, length = sam.lookup(9)
    assert (index, length) == (0, 0)
    assert sam.gen_draft(index, 9) == []


@pytest.mark.parametrize("bad", [-1, 2**31, 2**63, 2**80])
def test_ids_that_are_no_token_are_refused_and_nothing_is_added(bad):
    sam = SAM(2)
    with pytest.raises(ValueError, match=rf"token id {bad} at position 1"):
        sam.add_tokens([1, bad])
    with pytest.raises(ValueError, match="outside 0"):
        sam.lookup(bad)
    assert len(sam) == 0


def test_what_is_no_list_of_integers_is_refused():
    sam = SAM(2)
    for tokens in ([1.5], np.array([1.5, 2], object), np.array(["a"], object)):
        with pytest.raises(TypeError, match="must be integers"):
            sam.add_tokens(tokens)
    with pytest.raises(TypeError, match="must be integers"):
        sam.add_tokens(["a"])
    with pytest.raises(TypeError, match="must be integers"):
        sam.add_tokens(np.array([1.0]))
    with pytest.raises(ValueError, match="one-dimensional"):
        sam.add_tokens(np.array([[1, 2]]))


def test_an_index_of_another_automaton_is_refused():
    sam = SAM(2)
    sam.add_tokens([1, 2])
    with pytest.raises(TypeError, match="must be integers"):
        sam.gen_draft(1.5, 1)
    for index in (-1, 3, 10_000):
        with pytest.raises(ValueError, match="no state"):
            sam.gen_draft(index, 1)


def test_a_draft_has_at_least_one_token():
    with pytest.raises(ValueError, match="num_speculative_tokens must be at least 1"):
        SAM(0)
    for length in (2.5, "3"):
        with pytest.raises(TypeError, match="num_speculative_tokens must be an integer"):
            SAM(length)


def test_memory_grows_with_the_text():
    sam = SAM(1)
    empty = sam.nbytes
    sam.add_tokens(np.arange(10_000) % 97)
    assert empty < sam.nbytes <= 110 * 10_000


def test_a_long_run_of_one_token():
    """As many suffixes occurred before as the run is long; touching each would take hours."""
    sam = SAM(3)
    length = 2_000_000
    sam.add_tokens(np.full(length, 7))
    index, matched = sam.lookup(7)
    assert (matched, sam.gen_draft(index, 7)) == (length, [7, 7, 7])
