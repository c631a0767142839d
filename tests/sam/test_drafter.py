"""The batch interface: each request drafts from its own text, however it comes and goes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sam_drafting import SAM, SamDrafter

K = 3
MAX_LEN = 40


def rows(*texts):
    """token_ids and num_tokens of a batch."""
    token_ids = np.zeros((max(len(texts), 1), MAX_LEN), np.int32)
    for row, text in enumerate(texts):
        token_ids[row, : len(text)] = text
    return token_ids, [len(text) for text in texts]


def step(drafter, batch, limits=K):
    """One step; `batch` maps request ids to all their tokens."""
    token_ids, num_tokens = rows(*batch.values())
    return drafter.step(list(batch), token_ids, num_tokens, [1] * len(batch), limits)


def draft_of(text, limit=K):
    """What a fresh automaton of the text drafts."""
    sam = SAM(K)
    sam.add_tokens(text[:-1])
    return sam.gen_draft(sam.lookup(text[-1])[0], text[-1])[:limit]


texts = st.lists(st.integers(0, 2), min_size=1, max_size=MAX_LEN)


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4), st.data())
def test_any_schedule_of_a_batch_drafts_as_a_fresh_automaton(batch, data):
    """Rows move, requests are absent, several tokens come at once: the draft stays the same."""
    drafter = SamDrafter(K)
    lengths = [1] * len(batch)
    for _ in range(data.draw(st.integers(1, 6))):
        present = data.draw(st.permutations(range(len(batch))))
        present = present[: data.draw(st.integers(1, len(batch)))]
        for i in present:
            lengths[i] = data.draw(st.integers(lengths[i], len(batch[i])))
        drafts = step(drafter, {f"r{i}": batch[i][: lengths[i]] for i in present})
        assert drafts == [draft_of(batch[i][: lengths[i]]) for i in present]


def test_limit_0_takes_in_and_drafts_nothing():
    drafter = SamDrafter(K)
    text = [1, 2, 3, 1, 2]
    assert step(drafter, {"a": text}, limits=0) == [[]]
    assert step(drafter, {"a": text}) == [draft_of(text)]


def test_limits_are_a_request_each_and_never_above_k():
    drafter = SamDrafter(K)
    text = [1, 2, 3, 4, 1]
    batch = {"a": text, "b": text, "c": text, "d": text}
    assert step(drafter, batch, [0, 2, 9, -1]) == [[], [2, 3], [2, 3, 4], []]


@pytest.mark.parametrize("limit", [2, np.int64(2), np.array(2)])
def test_one_limit_holds_for_all_requests(limit):
    batch = {"a": [1, 2, 3, 1], "b": [4, 5, 6, 4]}
    assert step(SamDrafter(K), batch, limit) == [[2, 3], [5, 6]]


@pytest.mark.parametrize(
    "layout",
    [np.asfortranarray, lambda array: np.repeat(array, 2, axis=1)[:, ::2]],
    ids=["columns", "strides"],
)
def test_any_layout_of_the_tokens_will_do(layout):
    token_ids, num_tokens = rows([1, 2, 3, 1], [4, 5, 6, 4])
    arranged = layout(token_ids)
    assert not arranged.flags.c_contiguous
    drafts = SamDrafter(K).step(["a", "b"], arranged, num_tokens, [1, 1], 2)
    assert drafts == [[2, 3], [5, 6]]


def test_every_step_returns_new_lists():
    drafter = SamDrafter(K)
    first = step(drafter, {"a": [1, 1], "b": [1, 2]})
    kept = [list(draft) for draft in first]
    second = step(drafter, {"a": [1, 1], "b": [1, 2]})
    for draft in second:
        draft.clear()
    assert first == kept
    assert first[0] is not second[0]


def test_finished_requests_are_forgotten_and_their_memory_given_back():
    drafter = SamDrafter(K)
    step(drafter, {"a": [1, 2]})
    small = drafter.nbytes
    long = list(range(MAX_LEN))
    token_ids = np.tile(np.arange(10_000, dtype=np.int32), (1, 1))
    drafter.step(["long"], token_ids, [10_000], [1], K)
    assert drafter.nbytes > 10 * small
    drafter.finish(["long", "unknown"])
    step(drafter, {"b": long})
    assert len(drafter) == 2
    assert drafter.nbytes <= 2 * small


def test_an_id_that_comes_back_starts_anew():
    drafter = SamDrafter(K)
    step(drafter, {"a": [5, 6, 7, 8]})
    drafter.finish(["a"])
    assert step(drafter, {"a": [1, 2, 5]}) == [[]]


def test_tokens_that_are_no_continuation_start_anew():
    drafter = SamDrafter(K)
    step(drafter, {"a": [5, 6, 7, 8, 9]})
    assert step(drafter, {"a": [1, 2, 1]}) == [draft_of([1, 2, 1])]
    replaced = [1, 3, 4, 5, 1, 3]
    assert step(drafter, {"a": replaced}) == [draft_of(replaced)]


def test_an_empty_batch_and_an_empty_request():
    drafter = SamDrafter(K)
    assert step(drafter, {}) == []
    assert step(drafter, {"a": []}) == [[]]


def test_a_negative_id_is_refused_with_request_and_position():
    drafter = SamDrafter(K)
    token_ids, num_tokens = rows([1, 2, 1], [1, -5, 1])
    with pytest.raises(ValueError, match=r"request 'b' has the negative token id -5 at 1"):
        drafter.step(["a", "b"], token_ids, num_tokens, [1, 1], K)
    assert step(drafter, {"a": [1, 2, 1]}) == [draft_of([1, 2, 1])]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"token_ids": np.zeros((1, 4), np.int64)}, TypeError, "int32 array, not int64"),
        ({"token_ids": [[1, 2]]}, TypeError, "int32 array, not list"),
        ({"num_tokens": [1.0]}, TypeError, "num_tokens must be integers, not float64"),
        ({"num_tokens": [2**32 + 1]}, ValueError, "num_tokens has a number beyond 2147483647"),
        ({"draft_limits": 2**40}, ValueError, "draft_limits has a number beyond 2147483647"),
        ({"draft_limits": 1.5}, TypeError, "draft_limits must be integers, not float64"),
        ({"token_ids": np.zeros(4, np.int32)}, ValueError, "a row for each of 1 requests"),
        ({"token_ids": np.zeros((0, 4), np.int32)}, ValueError, "a row for each of 1 requests"),
        ({"num_tokens": [5]}, ValueError, "num_tokens 5, its row holds 4"),
        ({"num_tokens": [-1]}, ValueError, "num_tokens -1, its row holds 4"),
        ({"num_tokens": [1, 1]}, ValueError, "num_tokens must have one entry"),
        ({"num_prompt_tokens": []}, ValueError, "num_prompt_tokens must have one entry"),
        ({"draft_limits": [1, 1]}, ValueError, "draft_limits must have one entry"),
    ],
)
def test_arguments_that_do_not_fit_the_batch_are_refused(change, error, message):
    arguments = {
        "req_ids": ["a"],
        "token_ids": np.zeros((1, 4), np.int32),
        "num_tokens": [1],
        "num_prompt_tokens": [1],
        "draft_limits": K,
    }
    with pytest.raises(error, match=message):
        SamDrafter(K).step(**{**arguments, **change})


def test_a_draft_has_at_least_one_token():
    with pytest.raises(ValueError, match="num_speculative_tokens must be at least 1"):
        SamDrafter(0)


def test_an_option_that_does_not_exist_is_refused():
    with pytest.raises(TypeError, match="no_such_option"):
        SamDrafter(K, no_such_option=1)
