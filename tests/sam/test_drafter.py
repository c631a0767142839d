"""The batch interface: requests draft, however they come and go."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sam_drafting import SAM, SamDrafter
from sam_drafting.kernels.chains import WALK_A_RESPONSE

K = 3
MAX_LEN = 40
# Of texts this short the whole chain is looked at, and no match is cut off.
SHORT = WALK_A_RESPONSE


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


def alone(**options):
    """A drafter whose requests know only their own text."""
    return SamDrafter(K, share_prompts=False, **options)


texts = st.lists(st.integers(0, 2), min_size=1, max_size=SHORT)


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4), st.data())
def test_any_schedule_of_a_batch_drafts_as_a_fresh_automaton(batch, data):
    """Rows move, requests are absent, several tokens come at once: the draft stays the same."""
    drafter = alone()
    lengths = [1] * len(batch)
    for _ in range(data.draw(st.integers(1, 6))):
        present = data.draw(st.permutations(range(len(batch))))
        present = present[: data.draw(st.integers(1, len(batch)))]
        for i in present:
            lengths[i] = data.draw(st.integers(lengths[i], len(batch[i])))
        drafts = step(drafter, {f"r{i}": batch[i][: lengths[i]] for i in present})
        assert drafts == [draft_of(batch[i][: lengths[i]]) for i in present]


def advance(drafter, batch, limits=K):
    """One step; `batch` maps ids of requests that are known to their new tokens."""
    token_ids, num_new = rows(*batch.values())
    return drafter.advance(list(batch), token_ids, num_new, limits)


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4), st.data())
def test_new_tokens_alone_give_the_drafts_of_whole_texts(batch, data):
    whole, parts = SamDrafter(K), SamDrafter(K)
    lengths = [data.draw(st.integers(1, len(text))) for text in batch]
    first = {f"r{i}": text[: lengths[i]] for i, text in enumerate(batch)}
    step(parts, first, limits=0)
    step(whole, first, limits=0)
    for _ in range(data.draw(st.integers(1, 6))):
        present = data.draw(st.permutations(range(len(batch))))
        present = present[: data.draw(st.integers(1, len(batch)))]
        new = {}
        for i in present:
            end = data.draw(st.integers(lengths[i], len(batch[i])))
            new[f"r{i}"] = batch[i][lengths[i] : end]
            lengths[i] = end
        drafts = step(whole, {f"r{i}": batch[i][: lengths[i]] for i in present})
        assert advance(parts, new) == drafts


def test_new_tokens_of_a_request_that_is_not_known_are_refused():
    drafter = SamDrafter(K)
    step(drafter, {"a": [1, 2]})
    with pytest.raises(ValueError, match="request 'b' is not known: give all its tokens"):
        advance(drafter, {"a": [3], "b": [3]})
    assert drafter.num_tokens == 2


@pytest.mark.parametrize(
    ("num_new", "message"), [(3, "num_tokens 3, its row holds 2"), (-1, "num_tokens -1"), (2, "-4")]
)
def test_new_tokens_that_cannot_be_are_refused(num_new, message):
    drafter = SamDrafter(K)
    step(drafter, {"a": [1, 2]})
    with pytest.raises(ValueError, match=message):
        drafter.advance(["a"], np.array([[3, -4]], np.int32), [num_new], K)
    assert advance(drafter, {"a": [1, 2]}) == [draft_of([1, 2, 1, 2])]


def test_what_lies_beyond_the_end_of_an_answer_is_forgotten():
    drafter = SamDrafter(K, history_tokens=100)
    step(drafter, {"a": [1, 2, 3, 4, 5, 6, 7]})
    drafter.finish(["a", "unknown"], {"a": 5, "unknown": 3})
    assert drafter.num_history_tokens == 5
    assert step(drafter, {"b": [1, 2, 3, 4]}) == [[5]]


def test_an_answer_may_end_where_it_begins_and_beyond_what_is_known():
    drafter = SamDrafter(K, history_tokens=100)
    step(drafter, {"a": [1, 2, 3], "b": [1, 2, 3]})
    drafter.finish(["a", "b"], {"a": 1, "b": 9})
    assert drafter.num_history_tokens == 3
    drafter.finish(["a"])
    assert step(drafter, {"c": [1, 2]}) == [[3]]


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


def test_what_finished_requests_used_is_used_again():
    drafter = SamDrafter(K)
    tokens = np.arange(10_000, dtype=np.int32)[None]
    reserved = set()
    for number in range(20):
        tokens[0, 0] = number
        drafter.step([f"r{number}"], tokens, [10_000], [5], K)
        assert len(drafter) == 1
        assert drafter.num_tokens == 10_000
        reserved.add(drafter.nbytes)
        drafter.finish([f"r{number}", "unknown"])
    assert drafter.num_tokens == len(drafter) == 0
    assert len(reserved) == 1


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


@pytest.mark.parametrize("bad", [[-9, 2], [9, 2, -1]])
def test_a_new_text_that_is_refused_leaves_the_old_one(bad):
    drafter = SamDrafter(K)
    text = [1, 2, 3, 4, 1, 2]
    before = step(drafter, {"a": text})
    with pytest.raises(ValueError, match="negative token id"):
        step(drafter, {"a": bad})
    assert drafter.num_tokens == len(text)
    assert step(drafter, {"a": text}) == before


def test_a_prompt_that_changes_before_its_response_begins_is_noticed():
    drafter = SamDrafter(K)
    prompts = [3]
    drafter.step(["a"], rows([1, 2, 3])[0], [3], prompts, K)
    assert drafter.step(["a"], rows([7, 8, 9, 1, 2])[0], [5], prompts, K) == [[]]


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
        ({"draft_limits": [2**40]}, ValueError, "draft_limits has a number beyond 2147483647"),
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


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"history_tokens": -1}, ValueError, "history_tokens must be at least 0, not -1"),
        ({"history_tokens": 1.5}, TypeError, "history_tokens must be an integer, not 1.5"),
        (
            {"history_tokens": 9, "share_prompts": False},
            ValueError,
            "history_tokens needs share_prompts",
        ),
        ({"min_acceptance": 1.0}, ValueError, "at least 0 and below 1, not 1.0"),
        ({"min_acceptance": float("nan")}, ValueError, "at least 0 and below 1, not nan"),
        ({"min_acceptance": "high"}, TypeError, "min_acceptance must be a number, not 'high'"),
        ({"no_such_option": 1}, TypeError, "no_such_option"),
    ],
)
def test_options_out_of_range_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        SamDrafter(K, **options)
