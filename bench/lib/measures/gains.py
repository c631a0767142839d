"""In which batches does a method gain, and what should be recommended?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.lib.engines.timed import TimedRollout

# What a batch must gain to be worth drafting for: less than this, timings cannot tell.
LEAST_GAIN = 1.02


@dataclass(frozen=True)
class Recommendation:
    """A threshold, in requests, and the longest draft; a threshold of 0 is no speculation at all.

    Example: ``Recommendation(threshold=16, num_speculative_tokens=3)``.
    """

    threshold: int
    num_speculative_tokens: int


def range_of(batch: int) -> int:
    """Return the largest batch of a batch's range: 1, 2, 4, 8 and so on.

    >>> [range_of(batch) for batch in (1, 2, 3, 4, 5)]
    [1, 2, 4, 4, 8]
    """
    return 1 << (batch - 1).bit_length()


def seconds_per_token(rollout: TimedRollout) -> dict[int, float]:
    """Return what a token costs in each range of batches.

    >>> from bench.lib.engines.timed import Moment
    >>> seconds_per_token(TimedRollout([], [Moment(0.5, 3, 2), Moment(0.25, 4, 1)]))
    {4: 0.25}
    """
    seconds: dict[int, float] = {}
    tokens: Counter[int] = Counter()
    for moment in rollout.moments:
        size = range_of(moment.running)
        seconds[size] = seconds.get(size, 0.0) + moment.seconds
        tokens[size] += moment.tokens
    return {size: seconds[size] / tokens[size] for size in sorted(seconds) if tokens[size]}


def gains(plain: TimedRollout, drafting: TimedRollout) -> dict[int, float]:
    """Return how many times cheaper a token is, in each range of batches that both have."""
    ours, theirs = seconds_per_token(drafting), seconds_per_token(plain)
    return {size: theirs[size] / cost for size, cost in ours.items() if size in theirs}


def threshold_of(gained: Mapping[int, float]) -> int:
    """Return the largest batch up to which every range of batches gains.

    >>> threshold_of({1: 1.9, 2: 1.8, 4: 1.4, 8: 0.9, 16: 1.1})
    4
    >>> threshold_of({1: 0.9, 2: 1.8})
    0
    """
    threshold = 0
    for size, gain in sorted(gained.items()):
        if gain < LEAST_GAIN:
            break
        threshold = size
    return threshold


def recommendation(plain: TimedRollout, drafting: Mapping[int, TimedRollout]) -> Recommendation:
    """Choose the threshold, and the draft length that saves most below it.

    Args:
        plain: without speculation.
        drafting: speculating in every batch, by the longest draft.
    """
    gained = {length: gains(plain, rollout) for length, rollout in drafting.items()}
    best = max(gained, key=lambda length: seconds_saved(plain, gained[length]))
    return Recommendation(threshold_of(gained[best]), best)


def seconds_saved(plain: TimedRollout, gained: Mapping[int, float]) -> float:
    """Return what speculation saves of a rollout's time in the batches for which it pays.

    In a range of batches that it never had, it saves nothing.
    """
    threshold = threshold_of(gained)
    return sum(
        moment.seconds * (1 - 1 / gained.get(range_of(moment.running), 1.0))
        for moment in plain.moments
        if moment.running <= threshold
    )


def parts(rollout: TimedRollout, threshold: int) -> tuple[float, float]:
    """Return the seconds of the crowd, in which more requests run, and of the tail."""
    crowd = sum(moment.seconds for moment in rollout.moments if moment.running > threshold)
    return crowd, rollout.seconds - crowd


def differing(ours: Sequence[Sequence[int]], theirs: Sequence[Sequence[int]]) -> int:
    """Return how many answers differ."""
    return sum(a != b for a, b in zip(ours, theirs, strict=True))
