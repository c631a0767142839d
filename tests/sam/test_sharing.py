"""Requests with the same prompt draft from each other, and from those of earlier epochs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sam_drafting
from hypothesis import given, settings
from hypothesis import strategies as st
from sam_drafting import SamDrafter
from sam_drafting.history import LONGEST_EPOCH, MOST_SIBLINGS

K = 3
PROMPT = [100, 101, 102]
ANSWER = [1, 2, 3, 4, 5, 6]


def step(drafter, batch, num_prompt_tokens=3, limit=K):
    token_ids = np.zeros((len(batch), max(map(len, batch.values()))), np.int32)
    for row, text in enumerate(batch.values()):
        token_ids[row, : len(text)] = text
    lengths = [len(text) for text in batch.values()]
    return drafter.step(list(batch), token_ids, lengths, [num_prompt_tokens] * len(batch), limit)


def test_a_request_drafts_what_its_sibling_has_generated():
    drafter = SamDrafter(K)
    drafts = step(drafter, {"a": PROMPT + ANSWER, "b": PROMPT + ANSWER[:3]})
    assert drafts[1] == ANSWER[3:]


def test_without_sharing_a_request_knows_its_own_text_alone():
    drafter = SamDrafter(K, share_prompts=False, min_acceptance=0.0)
    assert step(drafter, {"a": PROMPT + ANSWER, "b": PROMPT + ANSWER[:3]}) == [[], []]


def test_a_finished_response_serves_those_that_ran_beside_it():
    drafter = SamDrafter(K)
    step(drafter, {"a": PROMPT + ANSWER, "b": PROMPT})
    drafter.finish(["a"])
    assert step(drafter, {"b": PROMPT + ANSWER[:3]}) == [ANSWER[3:]]
    drafter.finish(["b"])
    assert drafter.num_tokens == 0


def test_a_finished_response_does_not_serve_one_that_began_later():
    drafter = SamDrafter(K)
    step(drafter, {"a": PROMPT + ANSWER, "b": PROMPT})
    drafter.finish(["a"])
    step(drafter, {"c": PROMPT})
    drafter.finish(["b"])
    assert step(drafter, {"c": PROMPT + ANSWER[:3]}) == [[]]


def test_one_endless_response_does_not_hold_all_others():
    drafter = SamDrafter(K)
    step(drafter, {"endless": PROMPT})
    for number in range(3 * MOST_SIBLINGS):
        step(drafter, {f"r{number}": PROMPT + ANSWER})
        drafter.finish([f"r{number}"])
    assert drafter.num_tokens == len(PROMPT) + MOST_SIBLINGS * len(ANSWER)


def test_the_history_serves_the_next_epoch():
    drafter = SamDrafter(K, history_tokens=100)
    step(drafter, {"a": PROMPT + ANSWER})
    drafter.finish(["a"])
    assert drafter.num_history_tokens == len(PROMPT + ANSWER)
    assert type(drafter.num_history_tokens) is int  # a number of numpy would overflow
    assert step(drafter, {"b": PROMPT + ANSWER[:3]}) == [ANSWER[3:]]


def epoch(drafter, prompt, answers):
    """Run a group to its end."""
    batch = {f"{prompt[0]}-{number}": prompt + answer for number, answer in enumerate(answers)}
    step(drafter, batch, len(prompt))
    drafter.finish(batch)


def knows(drafter, prompt, answer):
    """Say whether the answer is drafted, without keeping the request."""
    drafted = step(drafter, {"probe": prompt + answer[:3]}, len(prompt))
    drafter.finish(["probe"])
    return drafted == [answer[3:]]


def test_the_oldest_epoch_goes_first_then_the_prompt_used_least_recently():
    first, second = [50, 51], [60, 61]
    old, new, other = [[start + i for i in range(6)] for start in (0, 10, 20)]
    drafter = SamDrafter(K, history_tokens=2 * (2 + 6) + 6)
    for prompt, answer in ((first, old), (second, other), (first, new)):
        epoch(drafter, prompt, [answer])
    assert drafter.num_history_tokens == 2 * (2 + 6) + 6
    epoch(drafter, second, [other])  # now the first has the older use, and two epochs
    assert drafter.num_history_tokens == 2 * (2 + 6) + 6
    third = [70, 71]
    epoch(drafter, third, [other, other])
    epoch(drafter, third, [other])
    assert drafter.num_history_tokens <= 2 * (2 + 6) + 6
    assert not knows(drafter, first, old)
    assert not knows(drafter, first, new)
    assert knows(drafter, third, other)


def test_a_prompt_that_is_always_live_loses_its_oldest_responses_only():
    budget = len(PROMPT) + 3 * LONGEST_EPOCH * len(ANSWER)
    drafter = SamDrafter(K, history_tokens=budget)
    least = 0
    for number in range(6 * LONGEST_EPOCH):
        step(drafter, {f"r{number}": PROMPT + ANSWER})
        drafter.finish([f"r{number - 1}"])
        assert least <= drafter.num_history_tokens <= budget
        if number > 4 * LONGEST_EPOCH:
            least = budget - (LONGEST_EPOCH + 1) * len(ANSWER)


def test_a_response_larger_than_the_budget_does_not_stay():
    drafter = SamDrafter(K, history_tokens=5)
    epoch(drafter, PROMPT, [ANSWER])
    assert drafter.num_tokens == drafter.num_history_tokens == 0


def test_a_response_that_starts_over_is_not_kept():
    drafter = SamDrafter(K, history_tokens=100)
    step(drafter, {"a": PROMPT + ANSWER})
    step(drafter, {"a": [7, 8, 9, 10]})
    drafter.finish(["a"])
    assert drafter.num_history_tokens == 4


operations = st.lists(
    st.tuples(
        st.sampled_from(["step", "finish", "restart"]),
        st.sampled_from("abcdef"),  # request
        st.integers(0, 2),  # prompt
        st.lists(st.integers(0, 3), max_size=90),  # new tokens
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(operations, st.sampled_from([0, 50, 400]))
def test_memory_holds_what_is_live_and_the_budget(schedule, budget):
    drafter = SamDrafter(K, history_tokens=budget)
    live = {}
    for kind, request, prompt, new in schedule:
        if kind == "finish":
            drafter.finish([request])
            live.pop(request, None)
            continue
        if kind == "restart":
            live.pop(request, None)
        text = live.setdefault(request, [90 + prompt] * (70 * prompt + 1))
        text += new
        prompt_length = 1 + 70 * (text[0] - 90)
        for draft in step(drafter, {request: text}, prompt_length):
            assert len(draft) <= K
        assert len(drafter) == len(live)
        assert drafter.num_history_tokens <= budget
    drafter.finish(list(live))
    assert len(drafter) == 0
    assert drafter.num_tokens == drafter.num_history_tokens <= budget


def test_requests_without_tokens_leave_nothing():
    for options in ({}, {"share_prompts": False}, {"history_tokens": 100}):
        drafter = SamDrafter(K, **options)
        step(drafter, {"first": []}, 0)
        drafter.finish(["first"])
        reserved = drafter.nbytes
        for number in range(500):
            step(drafter, {f"r{number}": []}, 0)
            drafter.finish([f"r{number}"])
        assert drafter.nbytes == reserved
        assert drafter.num_tokens == 0


def test_a_request_that_starts_over_takes_its_siblings_along():
    drafter = SamDrafter(K)
    step(drafter, {"a": PROMPT + ANSWER, "b": PROMPT + ANSWER[:2]})
    drafter.finish(["a"])
    step(drafter, {"b": [9]}, 1)
    assert drafter.num_tokens == 1


def test_a_table_shrinks_with_its_texts():
    drafter = SamDrafter(K, history_tokens=7000)
    reserved = []
    for number in range(60):
        prompt = [10_000 + number, 1]
        for answer in (list(range(5000)), ANSWER):
            epoch(drafter, prompt, [answer])
        reserved.append(drafter.nbytes)
    # What 50 more prompts hold: their pages and the rows of the smallest tables.
    assert reserved[-1] - reserved[10] < 50 * 6000
    assert knows(drafter, [10_058, 1], ANSWER)


def test_a_response_that_can_never_stay_does_not_drive_out_others():
    drafter = SamDrafter(K, history_tokens=100)
    epoch(drafter, PROMPT, [ANSWER])
    epoch(drafter, [50, 51], [list(range(200, 400))])
    assert drafter.num_history_tokens == len(PROMPT + ANSWER)
    assert knows(drafter, PROMPT, ANSWER)


def test_the_order_in_which_requests_are_named_does_not_matter():
    drafts = []
    for order in (["a", "b"], ["b", "a"]):
        drafter = SamDrafter(K, history_tokens=10)
        texts = {"a": [50, 51, *ANSWER], "b": [60, 61, 11, 12, 13, 14, 15, 16]}
        step(drafter, texts, 2)
        drafter.finish(order)
        drafts += [knows(drafter, [50, 51], ANSWER)]
    assert drafts == [False, False]


STREAM = """
import numpy as np
from sam_drafting import SamDrafter
rng = np.random.default_rng(0)
texts = np.cumsum(rng.integers(0, 2, (8, 400)), 1).astype(np.int32) % 17
drafter = SamDrafter(4, history_tokens=500, min_acceptance=0.2)
for end in range(5, 400, 3):
    ids = [f"{i}-{end // 100}" for i in range(8)]
    print(drafter.step(ids, texts, [end] * 8, [2] * 8, 4))
    if end % 100 > 96:
        drafter.finish(ids)
"""


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_same_stream_gives_the_same_drafts_in_every_process(seed, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(sam_drafting.__file__).parent.parent))
    outputs = []
    for value in ("0", seed):
        monkeypatch.setenv("PYTHONHASHSEED", value)
        run = subprocess.run([sys.executable, "-c", STREAM], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        outputs.append(run.stdout)
    assert outputs[0] == outputs[1]
    assert "[" in outputs[0]


def test_where_a_prompt_knows_nothing_others_help():
    drafter = SamDrafter(K)
    step(drafter, {"a": [50, 51]})
    step(drafter, {"a": [50, 51, *ANSWER]})
    assert step(drafter, {"b": [60, 61, *ANSWER[:2]]}) == [ANSWER[2:5]]


def test_other_prompts_do_not_help_where_nothing_is_shared():
    drafter = SamDrafter(K, share_prompts=False)
    step(drafter, {"a": [50, 51]})
    step(drafter, {"a": [50, 51, *ANSWER]})
    assert step(drafter, {"b": [60, 61, *ANSWER[:2]]}) == [[]]


def test_what_was_forgotten_does_not_help():
    drafter = SamDrafter(K)
    step(drafter, {"a": [50, 51]})
    step(drafter, {"a": [50, 51, *ANSWER]})
    drafter.finish(["a"])
    assert step(drafter, {"b": [60, 61, *ANSWER[:2]]}) == [[]]


def test_pages_that_are_used_again_do_not_help_with_what_they_held():
    drafter = SamDrafter(K)
    step(drafter, {"a": [50, 51]})
    step(drafter, {"a": [50, 51, *ANSWER]})
    drafter.finish(["a"])
    step(drafter, {"c": [70, 71]})
    step(drafter, {"c": [70, 71, 72]})
    assert step(drafter, {"b": [60, 61, *ANSWER[:2]]}) == [[]]
