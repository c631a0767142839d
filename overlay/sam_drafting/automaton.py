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

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from sam_drafting.kernels import kernel

Int32Array: TypeAlias = npt.NDArray[np.int32]

ROOT = 0
NONE = int(np.iinfo(np.int32).min)

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
def set_state(arrays: Arrays, state: int, link: int, length: int) -> None:
    """Write a state that has neither stored edges nor a group yet."""
    arrays.states[state, LINK] = link
    arrays.states[state, LENGTH] = length
    arrays.states[state, GROUP] = state
    arrays.states[state, BELOW] = NONE
    arrays.states[state, FIRST_EDGE] = NONE


@kernel
def clear(arrays: Arrays) -> None:
    """Forget the text."""
    arrays.counters[:] = 0
    arrays.buckets[:] = NONE
    set_state(arrays, ROOT, NONE, 0)


@kernel
def bucket_of(arrays: Arrays, state: int, token: int) -> int:
    """Hash bucket of the edge that leaves `state` with `token` (multiplicative hashing)."""
    key = (np.uint64(np.uint32(state)) << np.uint64(32)) | np.uint64(np.uint32(token))
    key = (key ^ (key >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    return (key >> np.uint64(32)) & np.uint64(arrays.buckets.shape[0] - 1)


@kernel
def chain_by_bucket(arrays: Arrays, edge: int) -> None:
    """Put a written edge at the head of its hash bucket."""
    bucket = bucket_of(arrays, arrays.edges[edge, SOURCE], arrays.edges[edge, TOKEN])
    arrays.edges[edge, NEXT_OF_BUCKET] = arrays.buckets[bucket]
    arrays.buckets[bucket] = edge


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
    for edge in range(num_edges):
        chain_by_bucket(destination, edge)


@kernel
def allocate(capacity: int) -> Arrays:
    """Empty automaton with room for `capacity` tokens."""
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
    """The same automaton with room for `num_tokens`: itself, or a copy at least twice as large."""
    capacity = arrays.text.shape[0]
    if num_tokens <= capacity:
        return arrays
    larger = allocate(max(num_tokens, 2 * capacity))
    transfer(arrays, larger)
    return larger


@kernel
def num_bytes(arrays: Arrays) -> int:
    """Bytes reserved."""
    size = arrays.text.size + arrays.states.size + arrays.groups.size + arrays.edges.size
    return 4 * (size + arrays.buckets.size + arrays.counters.size)


@kernel
def add_edge(arrays: Arrays, state: int, token: int, target: int) -> None:
    """Store the edge `state` --token--> `target`."""
    edge = arrays.counters[NUM_EDGES]
    arrays.counters[NUM_EDGES] = edge + 1
    arrays.edges[edge, SOURCE] = state
    arrays.edges[edge, TOKEN] = token
    arrays.edges[edge, TARGET] = target
    arrays.edges[edge, NEXT_OF_STATE] = arrays.states[state, FIRST_EDGE]
    arrays.states[state, FIRST_EDGE] = edge
    chain_by_bucket(arrays, edge)


@kernel
def stored_edge(arrays: Arrays, state: int, token: int) -> int:
    """Row of the stored edge that leaves `state` with `token`, or NONE."""
    edge = arrays.buckets[bucket_of(arrays, state, token)]
    while edge != NONE:
        if arrays.edges[edge, SOURCE] == state and arrays.edges[edge, TOKEN] == token:
            break
        edge = arrays.edges[edge, NEXT_OF_BUCKET]
    return edge


@kernel
def follow(arrays: Arrays, state: int, token: int) -> int:
    """State reached from `state` with `token`, or NONE."""
    if 0 <= state < arrays.counters[NUM_TOKENS] and arrays.text[state] == token:
        return state + 1
    edge = stored_edge(arrays, state, token)
    return NONE if edge == NONE else arrays.edges[edge, TARGET]


@kernel
def split(arrays: Arrays, state: int, token: int, target: int) -> int:
    """Clone `target` for the shorter strings that reach it from `state` and its suffixes."""
    arrays.counters[NUM_CLONES] += 1
    clone = -arrays.counters[NUM_CLONES]
    set_state(arrays, clone, arrays.states[target, LINK], arrays.states[state, LENGTH] + 1)
    if target > ROOT:
        add_edge(arrays, clone, arrays.text[target], target + 1)
    edge = arrays.states[target, FIRST_EDGE]
    while edge != NONE:
        add_edge(arrays, clone, arrays.edges[edge, TOKEN], arrays.edges[edge, TARGET])
        edge = arrays.edges[edge, NEXT_OF_STATE]
    while state != NONE:
        edge = stored_edge(arrays, state, token)
        if edge == NONE or arrays.edges[edge, TARGET] != target:
            break
        arrays.edges[edge, TARGET] = clone
        state = arrays.states[state, LINK]
    arrays.states[target, LINK] = clone
    return clone


# The kernels of the groups take the two arrays alone and return at one place: numba then inlines
# them without counting references to all arrays, which would cost more than their work.


@kernel
def find_group(groups: Int32Array, position: int) -> int:
    """Position of the group that has taken over the one at `position`; shortens the way to it."""
    forward = groups[position, FORWARD]
    while forward != position:
        beyond = groups[forward, FORWARD]
        groups[position, FORWARD] = beyond
        position, forward = forward, beyond
    return position


@kernel
def take_piece(states: Int32Array, groups: Int32Array, state: int, current: int) -> int:
    """Move `state`, and those above it in its group, to the group of `current`.

    Returns the topmost state that was moved.
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
def latest_end(arrays: Arrays, state: int) -> int:
    """Number of tokens up to the end of the latest occurrence of `state`."""
    group = arrays.states[state, GROUP]
    return group if group == state else find_group(arrays.groups, group)


@kernel
def append(arrays: Arrays, token: int) -> None:
    """Add one token to the text; the caller has seen to the room for it."""
    last = arrays.counters[NUM_TOKENS]
    current = last + 1
    arrays.text[last] = token
    arrays.counters[NUM_TOKENS] = current
    set_state(arrays, current, ROOT, current)

    state = arrays.states[last, LINK]
    target = NONE
    while state != NONE:
        target = follow(arrays, state, token)
        if target != NONE:
            break
        add_edge(arrays, state, token, current)
        state = arrays.states[state, LINK]
    if target != NONE:
        if arrays.states[state, LENGTH] + 1 != arrays.states[target, LENGTH]:
            target = split(arrays, state, token, target)
        arrays.states[current, LINK] = target
    gather(arrays.states, arrays.groups, current)


@kernel
def extend(arrays: Arrays, tokens: Int32Array) -> None:
    """Add `tokens` to the text."""
    for i in range(tokens.shape[0]):
        append(arrays, tokens[i])


@kernel
def longest_match(arrays: Arrays, token: int) -> tuple[int, int]:
    """State and length of the longest suffix of text + `token` that occurs in the text."""
    state = arrays.counters[NUM_TOKENS]
    while state != NONE:
        target = follow(arrays, state, token)
        if target != NONE:
            return target, arrays.states[state, LENGTH] + 1
        state = arrays.states[state, LINK]
    return ROOT, 0


@kernel
def copy_continuation(arrays: Arrays, state: int, start_token: int, draft: Int32Array) -> None:
    """Fill `draft` with what followed the latest occurrence of `state`.

    The text is read as if `start_token` and the draft itself stood behind it: a match that
    overlaps the end of the text goes on periodically.
    """
    num_tokens = arrays.counters[NUM_TOKENS]
    position = latest_end(arrays, state)
    for i in range(draft.shape[0]):
        if position < num_tokens:
            draft[i] = arrays.text[position]
        elif position == num_tokens:
            draft[i] = start_token
        else:
            draft[i] = draft[position - num_tokens - 1]
        position += 1
