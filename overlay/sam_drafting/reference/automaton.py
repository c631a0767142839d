"""Online suffix automaton over token ids, in flat int32 arrays.

The automaton of a text recognises each of its substrings; a state stands for substrings that end
at the same places. It is built a token at a time in amortised constant time (Blumer et al. 1985,
"The smallest automaton recognizing the subwords of a text"); SAM decoding (arXiv 2411.10666) uses
it to find the longest suffix of the text that occurred before, and copies on from there.

Memory. The states that stand for prefixes of the text count up from row 0 (the root); the clones
count down from the last row, so that a state's number is its row, negative for a clone, and stays
valid when the arrays grow. The edge from a prefix to the next is the text itself and is not
stored; the other edges lie in one array, chained by state and by hash bucket. A text of n tokens
has at most 2n states and, besides the implied ones, 2n edges: the arrays cannot overflow
before the text does.

Latest occurrences. A new token makes the end of the text the latest occurrence of all proper
suffixes that occurred before: the path of suffix links from the new state to the root. To write
it into each state would take a step for every turn of a loop in the text. The states that share a
latest occurrence are a piece of such a path; they form a group that is known by the position of the
occurrence, and a piece that moves as a whole moves by one entry, as in a union-find forest (the
preferred paths of Sleator and Tarjan's link-cut trees, 1983, without their balanced trees).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sam_drafting.kernels.compilation import kernel
from sam_drafting.kernels.layout import NONE, Int32Array

ROOT = 0

# Columns of a state. GROUP is a position that leads to its latest occurrence, or the state itself
# where it has no group yet; BELOW is the next state of the group towards that occurrence.
LINK, LENGTH, GROUP, BELOW, FIRST_EDGE = range(5)
# Columns of a group. FORWARD is the position of the group that took it over, or its own.
FORWARD, TOP = range(2)
# Columns of an edge.
SOURCE, TOKEN, TARGET, NEXT_OF_STATE, NEXT_OF_BUCKET = range(5)
# Entries of the counters.
NUM_TOKENS, NUM_CLONES, NUM_EDGES = range(3)

INITIAL_CAPACITY = 64


class Arrays(NamedTuple):
    """The memory of one automaton with room for `capacity` tokens; all int32.

    The kernels of the innermost loops get the arrays one by one: numba counts references for each
    array that it takes out of a tuple, which takes longer than their work.

    text: [capacity]; states: [2 * capacity + 1, 5]; groups: [capacity + 1, 2];
    edges: [2 * capacity, 5]; buckets: [power of two], first edge of each hash bucket;
    counters: [3].
    """

    text: Int32Array
    states: Int32Array
    groups: Int32Array
    edges: Int32Array
    buckets: Int32Array
    counters: Int32Array


@kernel
def set_state(states: Int32Array, state: int, link: int, length: int) -> None:
    """Write a state that has neither stored edges nor a group yet."""
    states[state, LINK] = link
    states[state, LENGTH] = length
    states[state, GROUP] = state
    states[state, BELOW] = NONE
    states[state, FIRST_EDGE] = NONE


@kernel
def clear(arrays: Arrays) -> None:
    """Forget the text."""
    arrays.counters[:] = 0
    arrays.buckets[:] = NONE
    set_state(arrays.states, ROOT, NONE, 0)


@kernel
def bucket_of(buckets: Int32Array, state: int, token: int) -> int:
    """Return the bucket of the edge that leaves `state` with `token` (multiplicative hashing)."""
    key = (np.uint64(np.uint32(state)) << np.uint64(32)) | np.uint64(np.uint32(token))
    key = (key ^ (key >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    bucket: int = (key >> np.uint64(32)) & np.uint64(buckets.shape[0] - 1)
    return bucket


@kernel
def chain_by_bucket(edges: Int32Array, buckets: Int32Array, edge: int) -> None:
    """Put a written edge at the head of its hash bucket."""
    bucket = bucket_of(buckets, edges[edge, SOURCE], edges[edge, TOKEN])
    edges[edge, NEXT_OF_BUCKET] = buckets[bucket]
    buckets[bucket] = edge


@kernel
def transfer(source: Arrays, destination: Arrays) -> None:
    """Copy an automaton into larger, empty arrays."""
    destination.counters[:] = source.counters
    num_tokens = source.counters[NUM_TOKENS]
    num_clones = source.counters[NUM_CLONES]
    num_edges = source.counters[NUM_EDGES]
    destination.text[:num_tokens] = source.text[:num_tokens]
    destination.states[: num_tokens + 1] = source.states[: num_tokens + 1]
    first_clone = source.states.shape[0] - num_clones
    destination.states[destination.states.shape[0] - num_clones :] = source.states[first_clone:]
    destination.groups[: num_tokens + 1] = source.groups[: num_tokens + 1]
    destination.edges[:num_edges] = source.edges[:num_edges]
    edges, buckets = destination.edges, destination.buckets
    for edge in range(num_edges):
        chain_by_bucket(edges, buckets, edge)


@kernel
def allocate(capacity: int) -> Arrays:
    """Return an empty automaton with room for `capacity` tokens."""
    num_buckets = 1
    while num_buckets < capacity:
        num_buckets *= 2
    arrays = Arrays(
        np.empty(capacity, np.int32),
        np.empty((2 * capacity + 1, 5), np.int32),
        np.empty((capacity + 1, 2), np.int32),
        np.empty((2 * capacity, 5), np.int32),
        np.empty(num_buckets, np.int32),
        np.empty(3, np.int32),
    )
    clear(arrays)
    return arrays


@kernel
def with_room_for(arrays: Arrays, num_tokens: int) -> Arrays:
    """Return the same automaton with room for `num_tokens`: itself, or a copy twice as large."""
    capacity = arrays.text.shape[0]
    if num_tokens <= capacity:
        return arrays
    larger = allocate(max(num_tokens, 2 * capacity))
    transfer(arrays, larger)
    return larger


@kernel
def num_bytes(arrays: Arrays) -> int:
    """Return the bytes reserved."""
    size = arrays.text.size + arrays.states.size + arrays.groups.size + arrays.edges.size
    return 4 * (size + arrays.buckets.size + arrays.counters.size)


@kernel
def add_edge(
    states: Int32Array,
    edges: Int32Array,
    buckets: Int32Array,
    counters: Int32Array,
    state: int,
    token: int,
    target: int,
) -> None:
    """Store the edge `state` --token--> `target`."""
    edge = counters[NUM_EDGES]
    counters[NUM_EDGES] = edge + 1
    edges[edge, SOURCE] = state
    edges[edge, TOKEN] = token
    edges[edge, TARGET] = target
    edges[edge, NEXT_OF_STATE] = states[state, FIRST_EDGE]
    states[state, FIRST_EDGE] = edge
    chain_by_bucket(edges, buckets, edge)


@kernel
def stored_edge(edges: Int32Array, buckets: Int32Array, state: int, token: int) -> int:
    """Return the row of the stored edge that leaves `state` with `token`, or NONE."""
    edge: int = buckets[bucket_of(buckets, state, token)]
    while edge != NONE:
        if edges[edge, SOURCE] == state and edges[edge, TOKEN] == token:
            break
        edge = edges[edge, NEXT_OF_BUCKET]
    return edge


@kernel
def follow(
    text: Int32Array,
    edges: Int32Array,
    buckets: Int32Array,
    counters: Int32Array,
    state: int,
    token: int,
) -> int:
    """Return the state reached from `state` with `token`, or NONE."""
    if 0 <= state < counters[NUM_TOKENS] and text[state] == token:
        return state + 1
    edge = stored_edge(edges, buckets, state, token)
    target: int = NONE if edge == NONE else edges[edge, TARGET]
    return target


@kernel
def split(
    text: Int32Array,
    states: Int32Array,
    edges: Int32Array,
    buckets: Int32Array,
    counters: Int32Array,
    state: int,
    target: int,
) -> int:
    """Clone `target` for the shorter strings that reach it from `state` and its suffixes.

    They reach it with the newest token.

    Returns:
        The clone.
    """
    token = text[counters[NUM_TOKENS] - 1]
    counters[NUM_CLONES] += 1
    clone: int = -counters[NUM_CLONES]
    set_state(states, clone, states[target, LINK], states[state, LENGTH] + 1)
    if target > ROOT:
        add_edge(states, edges, buckets, counters, clone, text[target], target + 1)
    edge = states[target, FIRST_EDGE]
    while edge != NONE:
        copied, end = edges[edge, TOKEN], edges[edge, TARGET]
        add_edge(states, edges, buckets, counters, clone, copied, end)
        edge = edges[edge, NEXT_OF_STATE]
    while state != NONE:
        edge = stored_edge(edges, buckets, state, token)
        if edge == NONE or edges[edge, TARGET] != target:
            break
        edges[edge, TARGET] = clone
        state = states[state, LINK]
    states[target, LINK] = clone
    return clone


@kernel
def find_group(groups: Int32Array, position: int) -> int:
    """Return the group that took over the one at `position`, and shorten the way to it."""
    forward = groups[position, FORWARD]
    while forward != position:
        beyond = groups[forward, FORWARD]
        groups[position, FORWARD] = beyond
        position, forward = forward, beyond
    return position


@kernel
def take_piece(states: Int32Array, groups: Int32Array, state: int, current: int) -> int:
    """Move `state`, and those above it in its group, to the group of `current`.

    Returns:
        The topmost state that was moved.
    """
    top = state
    if states[state, GROUP] == state:
        states[state, GROUP] = current
    else:
        group = find_group(groups, states[state, GROUP])
        top = groups[group, TOP]
        # While a group lives, its lowest state is what its position's own state links to.
        if states[group, LINK] == state:
            groups[group, FORWARD] = current
        else:
            groups[group, TOP] = states[state, BELOW]
            states[state, GROUP] = current
            while state != top:
                state = states[state, LINK]
                states[state, GROUP] = current
    return top


@kernel
def gather(states: Int32Array, groups: Int32Array, current: int) -> None:
    """Make all proper suffixes of the new state `current` the group of its position."""
    groups[current, FORWARD] = current
    below = current
    state = states[current, LINK]
    while state != ROOT:
        top = take_piece(states, groups, state, current)
        states[state, BELOW] = below
        below = top
        state = states[top, LINK]
    groups[current, TOP] = below


@kernel
def latest_end(states: Int32Array, groups: Int32Array, state: int) -> int:
    """Return how many tokens there are up to the end of the latest occurrence of `state`."""
    group: int = states[state, GROUP]
    return group if group == state else find_group(groups, group)


@kernel
def append(
    text: Int32Array,
    states: Int32Array,
    groups: Int32Array,
    edges: Int32Array,
    buckets: Int32Array,
    counters: Int32Array,
    token: int,
) -> None:
    """Add one token to the text; the caller has seen to the room for it."""
    last = counters[NUM_TOKENS]
    current = last + 1
    text[last] = token
    counters[NUM_TOKENS] = current
    set_state(states, current, ROOT, current)

    state = states[last, LINK]
    target = NONE
    while state != NONE:
        target = follow(text, edges, buckets, counters, state, token)
        if target != NONE:
            break
        add_edge(states, edges, buckets, counters, state, token, current)
        state = states[state, LINK]
    if target != NONE:
        if states[state, LENGTH] + 1 != states[target, LENGTH]:
            target = split(text, states, edges, buckets, counters, state, target)
        states[current, LINK] = target
    gather(states, groups, current)


@kernel
def extend(arrays: Arrays, tokens: Int32Array) -> None:
    """Add `tokens` to the text."""
    text, states, groups, edges, buckets, counters = arrays
    for i in range(tokens.shape[0]):
        append(text, states, groups, edges, buckets, counters, tokens[i])


@kernel
def longest_match(arrays: Arrays, token: int) -> tuple[int, int]:
    """Return state and length of the longest suffix of text + `token` that occurs in the text."""
    text, states, _, edges, buckets, counters = arrays
    state = counters[NUM_TOKENS]
    while state != NONE:
        target = follow(text, edges, buckets, counters, state, token)
        if target != NONE:
            return target, states[state, LENGTH] + 1
        state = states[state, LINK]
    return ROOT, 0


@kernel
def copy_continuation(arrays: Arrays, state: int, start_token: int, draft: Int32Array) -> None:
    """Fill `draft` with what followed the latest occurrence of `state`.

    The text is read as if `start_token` and the draft itself stood behind it: a match that
    overlaps the end of the text goes on periodically.
    """
    text, num_tokens = arrays.text, arrays.counters[NUM_TOKENS]
    position = latest_end(arrays.states, arrays.groups, state)
    for i in range(draft.shape[0]):
        if position < num_tokens:
            draft[i] = text[position]
        elif position == num_tokens:
            draft[i] = start_token
        else:
            draft[i] = draft[position - num_tokens - 1]
        position += 1
