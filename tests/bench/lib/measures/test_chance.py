"""How often swaps within pairs let two groups differ as much as they do."""

import numpy as np
import pytest

from bench.lib.measures import chance


def apart(some, others):
    """The distance of the means."""
    return abs(some.mean() - others.mean())


def leaves(some, others):
    """Whether the mean of others leaves what some span."""
    return float(not some.min() <= others.mean() <= some.max())


def test_a_difference_that_all_pairs_share_is_rare():
    some = np.array([0.1, 5.0, 9.0])
    assert chance.share_as_different(apart, some, some + 0.1) == 2 / 8
    assert chance.share_as_different(apart, some, some - np.array([0.1, -0.1, 0])) == 1


def test_pairs_are_swapped_not_mixed():
    # Of the four swaps only that of the second pair, (0, 1.5) and (2, 1), keeps the mean inside.
    assert chance.share_as_different(leaves, np.array([0.0, 1.0]), np.array([2.0, 1.5])) == 3 / 4


def test_rows_of_a_pair_are_swapped_whole():
    curves = np.arange(12.0).reshape(3, 4)
    for swap in chance.swaps(3, 2):
        swapped = np.where(swap, -curves, curves)
        assert all((row > 0).all() or (row <= 0).all() for row in swapped[1:])


def test_many_pairs_are_swapped_often_enough():
    found = [swap.tolist() for swap in chance.swaps(40, 1)]
    assert len(found) == chance.MOST_SWAPS
    assert not any(found[0])
    assert np.mean(found, 0) == pytest.approx(np.full(40, 0.5), abs=0.05)
    pairs = np.zeros(40)
    assert chance.share_as_different(apart, pairs, pairs + 1) == chance.smallest(40)


@pytest.mark.parametrize("pairs", [1, 3, 13])
def test_few_pairs_say_little(pairs):
    some, others = np.zeros(pairs), np.ones(pairs)
    # A difference without direction is as large with every pair swapped.
    assert chance.share_as_different(apart, some, others) == 2 * chance.smallest(pairs)

    def directed(some, others):
        return others.mean() - some.mean()

    assert chance.share_as_different(directed, some, others) == chance.smallest(pairs)
