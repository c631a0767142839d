"""A drafter that learns from an engine a step ahead of its results."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sam_drafting import SamDrafter
from specroll_speculation.feed import Begun, Ended, Feed, Sampled
from specroll_speculation.monitor import DraftMonitor

K = 3
HISTORY = 10_000


class Copy:
    """The event of a copy, complete when a test says so or when somebody waits."""

    def __init__(self):
        self.is_complete = False
        self.num_waits = 0

    def query(self):
        return self.is_complete

    def synchronize(self):
        self.is_complete = True
        self.num_waits += 1


def sampled(tokens, copy):
    """What a step has sampled: new tokens by request."""
    rows = np.full((len(tokens), K + 1), -1)
    for row, new in zip(rows, tokens.values(), strict=True):
        row[: len(new)] = new
    return Sampled(list(tokens), rows, np.array([len(new) for new in tokens.values()]), copy, None)


def begun(req_id, tokens, num_prompt_tokens):
    return Begun(req_id, np.array(tokens, np.int32), num_prompt_tokens)


@pytest.fixture
def drafter():
    return SamDrafter(K, history_tokens=HISTORY)


@pytest.fixture
def feed(drafter):
    return Feed(drafter, DraftMonitor(logging.getLogger(__name__)))


def test_an_engine_that_does_not_count():
    """It marks the places behind the last token, and says whose tokens it discards."""
    rows = np.array([[5, 6, -1, -1], [7, -1, -1, -1], [8, 9, 1, 2]])
    found = Sampled(["a", "b", "c"], rows, None, Copy(), None, discarded=[1])
    assert found.num_tokens.tolist() == [2, 0, 4]
    assert found.last_tokens.tolist() == [6, 0, 2]
    assert found.num_accepted == 4


def test_a_step_that_drafts_waits_for_its_own_tokens_alone(feed, drafter):
    first, second = Copy(), Copy()
    feed.add(begun("a", [1, 2, 3, 1], 4))
    feed.add(sampled({"a": [2]}, first))
    assert feed.draft(sampled({"a": [3, 1]}, second), K) == [[2, 3, 1]]
    assert (first.num_waits, second.num_waits) == (0, 1)
    assert drafter.num_tokens == 7


def test_others_wait_for_nothing(feed, drafter):
    early, late = Copy(), Copy()
    feed.add(begun("a", [1, 2], 2))
    feed.add(sampled({"a": [3]}, early))
    feed.add(sampled({"a": [4]}, late))
    feed.take_in_ready()
    assert drafter.num_tokens == 2
    late.is_complete = early.is_complete = True
    feed.take_in_ready()
    assert drafter.num_tokens == 4
    assert early.num_waits == late.num_waits == 0


def test_what_comes_later_is_taken_in_later(feed, drafter):
    """An id may end and come back before the last tokens of its former request are there."""
    copy = Copy()
    feed.add(begun("a", [1, 2], 2))
    feed.add(sampled({"a": [3, 4]}, copy))
    feed.add(Ended({"a"}, {"a": 3}))
    feed.add(begun("a", [7, 8, 9], 3))
    feed.take_in_ready()
    assert drafter.num_tokens == 2
    copy.is_complete = True
    feed.take_in_ready()
    assert drafter.num_history_tokens == 3
    assert drafter.num_tokens == 6


def test_nothing_is_kept_of_a_request_whose_end_nobody_tells(feed, drafter):
    feed.add(begun("warm-up", [1, 2, 3], 1))
    feed.add(Ended({"warm-up"}, {}))
    feed.take_in_ready()
    assert drafter.num_tokens == 0


def test_an_incomplete_prompt_gets_no_draft(feed):
    feed.add(begun("a", [1, 2, 1], 3))
    feed.add(begun("b", [5, 6, 5], 3))
    step = sampled({"a": [], "b": [6]}, Copy())
    assert feed.draft(step, K) == [[], [5, 6, 5]]
    assert step.last_tokens.tolist() == [0, 6]


def test_accepted_tokens_are_counted_whether_or_not_a_step_drafts(drafter):
    monitor = DraftMonitor(logging.getLogger(__name__))
    feed = Feed(drafter, monitor)
    feed.add(begun("a", [1], 1))
    copy = Copy()
    copy.is_complete = True
    feed.add(sampled({"a": [1, 2, 3]}, copy))
    feed.take_in_ready()
    assert monitor.num_accepted == 2
    feed.draft(sampled({"a": [4, 5]}, Copy()), K)
    assert monitor.num_accepted == 3


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_drafts_do_not_depend_on_when_copies_complete(data):
    """Ranks of one engine see their copies complete at different times, and must draft alike."""
    tokens_of_a_step = st.lists(st.integers(0, 2), min_size=1, max_size=3)
    steps = data.draw(st.lists(st.tuples(tokens_of_a_step, st.booleans()), max_size=12))
    drafts = []
    for _ in range(2):
        feed = Feed(SamDrafter(K), DraftMonitor(logging.getLogger(__name__)))
        feed.add(begun("a", [0, 1, 0], 3))
        found = []
        for tokens, is_drafting in steps:
            copy = Copy()
            copy.is_complete = data.draw(st.booleans())
            if is_drafting:
                found.append(feed.draft(sampled({"a": tokens}, copy), K))
            else:
                feed.add(sampled({"a": tokens}, copy))
                feed.take_in_ready()
        drafts.append(found)
    assert drafts[0] == drafts[1]
