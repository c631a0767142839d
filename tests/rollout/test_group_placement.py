"""Which server a request goes to."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verl.workers.rollout.group_placement import BALANCE, GroupPlacement


class Servers:
    """Servers whose load is counted as verl counts it."""

    def __init__(self, number):
        self.load = {f"server {i}": 0 for i in range(number)}
        self.placement = GroupPlacement(self.load)

    def start(self, request_id, prompt_ids):
        server = self.placement.place(request_id, prompt_ids)
        self.load[server] += 1
        return server

    def end(self, request_id, server):
        self.load[server] -= 1
        self.placement.release(request_id)


def run_epoch(servers, prompts, group, order):
    """Send groups in some order, then end all; returns the server of each sample."""
    samples = [(prompt, sample) for prompt in prompts for sample in range(group)]
    placed = {}
    for prompt, sample in order(samples):
        placed[prompt, sample] = servers.start(f"{prompt} {sample}", [prompt])
    for (prompt, sample), server in placed.items():
        servers.end(f"{prompt} {sample}", server)
    return placed


@given(st.integers(1, 5), st.integers(1, 20), st.integers(1, 9), st.randoms(use_true_random=False))
def test_groups_stay_together_and_load_is_balanced(number, prompts, group, random):
    servers = Servers(number)

    def shuffled(samples):
        return random.sample(samples, len(samples))

    for _epoch in range(3):
        placed = run_epoch(servers, range(prompts), group, shuffled)
        of_prompt = {}
        for (prompt, _), server in placed.items():
            assert of_prompt.setdefault(prompt, server) == server
        load = Counter(placed.values())
        # A group that came when the server still had room brings the rest of its samples along.
        assert max(load.values()) <= math.ceil(BALANCE * prompts * group / number) + prompts * (
            group - 1
        )
        assert set(servers.load.values()) == {0}


@pytest.mark.parametrize("interleaved", [True, False])
def test_a_step_is_balanced_to_a_group(interleaved):
    servers = Servers(4)

    def order(samples):
        return sorted(samples, key=lambda sample: sample[1]) if interleaved else samples

    for _epoch in range(3):
        load = Counter(run_epoch(servers, range(64), 8, order).values())
        assert max(load.values()) <= BALANCE * 64 * 8 / 4 + 8
        assert min(load.values()) >= 64 * 8 / 4 / BALANCE - 16


def test_a_prompt_returns_to_its_server_while_the_load_allows_it():
    servers = Servers(4)
    first = run_epoch(servers, range(64), 8, list)
    second = run_epoch(servers, reversed(range(64)), 8, list)
    kept = sum(first[sample] == server for sample, server in second.items())
    assert kept / len(first) > 0.8


def test_later_turns_stay_with_the_first():
    servers = Servers(3)
    server = servers.start("session", [1, 2])
    servers.end("session", server)
    for other in range(5):
        servers.start(f"other {other}", [other, 9])
    assert servers.start("session", [1, 2, 3, 4]) == server


def test_a_server_that_leaves_gets_nothing_more():
    servers = Servers(2)
    gone = servers.start("a", [1])
    del servers.load[gone]
    (left,) = servers.load
    assert servers.start("b", [1]) == left
    assert servers.start("c", [1]) == left
    servers.placement.release("a")
    assert servers.start("d", [1]) == left


def test_forgotten_sessions_are_placed_anew():
    servers = Servers(2)
    first = servers.start("session", [1])
    servers.placement.forget_sessions()
    assert servers.start("session", [2, 3]) != first


def test_releasing_an_unknown_request_changes_nothing():
    servers = Servers(1)
    servers.placement.release("never seen")
    assert servers.start("a", [1]) == "server 0"


def test_without_servers_there_is_no_place():
    with pytest.raises(RuntimeError, match="No available servers"):
        GroupPlacement({}).place("a", [1])
