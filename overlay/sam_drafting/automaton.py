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
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from sam_drafting.kernels import kernel

Int32Array: TypeAlias = npt.NDArray[np.int32]

ROOT = 0
NONE = int(np.iinfo(np.int32).min)

# Columns of a state. LATEST is the latest place where its substrings end.
LINK, LENGTH, LATEST, FIRST_EDGE = range(4)
# Columns of an edge.
SOURCE, TOKEN, TARGET, NEXT_OF_STATE, NEXT_OF_BUCKET = range(5)
# Entries of the counters.
NUM_TOKENS, NUM_CLONES, NUM_EDGES = range(3)

INITIAL_CAPACITY = 64


class Arrays(NamedTuple):
    """The memory of one automaton with room for `capacity` tokens; all int32.

    text: [capacity]; states: [2 * capacity + 1, 4]; edges: [2 * capacity, 5];
    buckets: [power of two], first edge of each hash bucket; counters: [3].
    """

    text: Int32Array
    states: Int32Array
    edges: Int32Array
    buckets: Int32Array
    counters: Int32Array


@kernel
def set_state(arrays: Arrays, state: int, link: int, length: int, latest: int) -> None:
    """Write a state that has no stored edges yet."""
    arrays.states[state, LINK] = link
    arrays.states[state, LENGTH] = length
    arrays.states[state, LATEST] = latest
    arrays.states[state, FIRST_EDGE] = NONE


@kernel
def clear(arrays: Arrays) -> None:
    """Forget the text."""
    arrays.counters[:] = 0
    arrays.buckets[:] = NONE
    set_state(arrays, ROOT, NONE, 0, 0)


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
        np.empty((2 * capacity + 1, 4), np.int32),
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
    size = arrays.text.size + arrays.states.size + arrays.edges.size
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
    set_state(
        arrays,
        clone,
        arrays.states[target, LINK],
        arrays.states[state, LENGTH] + 1,
        arrays.states[target, LATEST],
    )
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


@kernel
def append(arrays: Arrays, token: int) -> None:
    """Add one token to the text.

    Amortised constant time for the automaton, and a write for each proper suffix that occurred
    before, whose latest occurrence this now is: few in usual text, as many as the turns of a loop.
    """
    last = arrays.counters[NUM_TOKENS]
    current = last + 1
    arrays.text[last] = token
    arrays.counters[NUM_TOKENS] = current
    set_state(arrays, current, ROOT, current, current)

    state = arrays.states[last, LINK]
    target = NONE
    while state != NONE:
        target = follow(arrays, state, token)
        if target != NONE:
            break
        add_edge(arrays, state, token, current)
        state = arrays.states[state, LINK]
    if target == NONE:
        return
    if arrays.states[state, LENGTH] + 1 == arrays.states[target, LENGTH]:
        suffix = target
    else:
        suffix = split(arrays, state, token, target)
    arrays.states[current, LINK] = suffix
    while suffix != ROOT:
        arrays.states[suffix, LATEST] = current
        suffix = arrays.states[suffix, LINK]


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
    position = arrays.states[state, LATEST]
    for i in range(draft.shape[0]):
        if position < num_tokens:
            draft[i] = arrays.text[position]
        elif position == num_tokens:
            draft[i] = start_token
        else:
            draft[i] = draft[position - num_tokens - 1]
        position += 1
