"""Long token streams for measuring what drafting costs."""

from pathlib import Path

import numpy as np

from bench.lib.samples import traces
from bench.lib.samples.traces import Tokens

STREAM_LENGTH = 1 << 20
VOCABULARY = 130_000
ZIPF_EXPONENT = 1.2
LONGEST_FRESH, LONGEST_COPY = 12, 40


def recorded(folder: Path) -> Tokens:
    """Concatenate the recorded samples of a folder that do not loop."""
    encode = traces.tokenizer()
    parts, length = [], 0
    for path in traces.found(folder):
        for row in traces.read(path):
            for sample in map(traces.plain, map(encode, row["samples"])):
                if not sample.loops:
                    parts.append(sample.tokens)
                    length += len(sample.tokens)
            if length >= STREAM_LENGTH:
                return np.concatenate(parts)[:STREAM_LENGTH]
    return np.concatenate(parts)


def synthetic(seed: int = 0) -> Tokens:
    """Alternate fresh tokens of Zipf's law with copies of what stands somewhere before."""
    random = np.random.default_rng(seed)
    stream = np.empty(STREAM_LENGTH, np.int32)
    length = 0
    while length < STREAM_LENGTH:
        fresh = random.zipf(ZIPF_EXPONENT, random.integers(1, LONGEST_FRESH + 1)) % VOCABULARY
        start = random.integers(0, length + 1)
        copy = stream[start : min(start + random.integers(1, LONGEST_COPY + 1), length)]
        for part in (fresh, copy):
            part = part[: STREAM_LENGTH - length]
            stream[length : length + len(part)] = part
            length += len(part)
    return stream


def windows(stream: Tokens, batch: int, length: int) -> Tokens:
    """Return rows that begin at evenly spread places of the stream, which goes round."""
    starts = np.arange(batch) * (len(stream) // batch)
    rows = np.empty((batch, length), np.int32)
    for row, start in zip(rows, starts, strict=True):
        row[:] = np.take(stream, np.arange(start, start + length), mode="wrap")
    return rows
