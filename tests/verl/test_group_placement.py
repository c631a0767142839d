"""Which server a request goes to."""

import itertools
import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verl.workers.rollout.group_placement import BALANCE, MAX_GROUP, GroupPlacement

NUMBERS = itertools.count()


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
    """Send groups in some order, each request with a new id, then end all; returns the servers."""
    samples = [(prompt, sample) for prompt in prompts for sample in range(group)]
    placed, ids = {}, {}
    for prompt, sample in order(samples):
        ids[prompt, sample] = f"request {next(NUMBERS)}"
        placed[prompt, sample] = servers.start(ids[prompt, sample], [prompt])
    for sample, server in placed.items():
        servers.end(ids[sample], server)
    return placed


@given(st.integers(1, 6), st.integers(1, 40), st.integers(1, 9), st.randoms(use_true_random=False))
def test_groups_stay_together_and_are_shared_out(number, prompts, group, random):
    servers = Servers(number)

    def shuffled(samples):
        return random.sample(samples, len(samples))

    for _epoch in range(4):
        chosen = random.sample(range(2 * prompts), prompts)
        placed = run_epoch(servers, chosen, group, shuffled)
        of_prompt = {}
        for (prompt, _), server in placed.items():
            assert of_prompt.setdefault(prompt, server) == server
        groups = Counter(of_prompt.values())
        assert max(groups.values()) <= math.ceil(BALANCE * prompts / number)
        assert set(servers.load.values()) == {0}


def test_a_prompt_returns_to_its_server_while_the_load_allows_it():
    servers = Servers(4)
    first = run_epoch(servers, range(64), 8, list)
    order = random.Random(0).sample(range(64), 64)
    second = run_epoch(servers, order, 8, list)
    kept = sum(first[sample] == server for sample, server in second.items()) / len(first)
    assert kept > 0.8


def test_requests_with_one_prompt_are_shared_out_when_they_are_many():
    servers = Servers(4)
    load = Counter(servers.start(f"request {i}", [1, 2, 3]) for i in range(512))
    assert sorted(load.values()) == [128] * 4


@pytest.mark.parametrize("group", [16, 64, 65, 80, 128, 200])
def test_large_groups_are_shared_out_too(group):
    servers = Servers(4)
    placed = run_epoch(servers, range(32), group, list)
    load = Counter(placed.values())
    assert max(load.values()) <= 32 * group / 4 + MAX_GROUP


def test_a_prompt_that_is_always_in_flight_keeps_few_servers():
    servers = Servers(4)
    running = [(name := f"request {i}", servers.start(name, [1])) for i in range(64)]
    for i in range(64, 500):
        servers.end(*running.pop(0))
        running.append((name := f"request {i}", servers.start(name, [1])))
    (group,) = servers.placement._groups.values()
    assert len(group.servers) <= 2
    assert sum(servers.load.values()) == 64


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


def test_resumed_samples_meet_again_after_sessions_are_forgotten():
    servers = Servers(4)
    samples = [f"sample {i}" for i in range(8)]
    placed = [(sample, servers.start(sample, [1])) for sample in samples]
    for sample, server in placed:
        servers.end(sample, server)
    servers.placement.forget_sessions()
    resumed = {servers.start(sample, [1, 50 + i]) for i, sample in enumerate(samples)}
    assert len(resumed) == 1


def test_a_request_that_is_sent_twice_is_released_twice():
    servers = Servers(1)
    for prompt in ([1], [1, 2]):
        servers.start("twice", prompt)
    for _ in range(2):
        servers.end("twice", "server 0")
    assert not servers.placement._groups
    assert not servers.placement._running


def test_releasing_an_unknown_request_changes_nothing():
    servers = Servers(1)
    servers.placement.release("never seen")
    servers.placement.release(None)
    assert servers.start("a", [1]) == "server 0"


def test_without_servers_there_is_no_place():
    with pytest.raises(RuntimeError, match="No available servers"):
        GroupPlacement({}).place("a", [1])
