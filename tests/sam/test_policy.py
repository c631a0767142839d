"""How far a draft goes."""

import numpy as np
import pytest
from sam_drafting import SamDrafter
from sam_drafting.kernels.acceptance import (
    LONGEST_MEMORY,
    NUM_CELLS,
    OBSERVED,
    RIGHT,
    cell_of,
    expected_acceptance,
    initial_table,
    learn,
    learn_from,
)
from sam_drafting.kernels.layout import DRAFT, DRAFTED, text_width
from sam_drafting.policy import lowest_acceptance


def test_every_feature_has_its_cell():
    lengths = [1, 2, 3, 4, 5, 6, 7, 9, 13, 21, 41, 64]
    cells = {
        cell_of(length, share, support)
        for length in lengths
        for share in (0.1, 0.6, 0.9, 1.0)
        for support in (1, 2, 5, 9)
    }
    assert cells == set(range(NUM_CELLS))


def test_longer_matches_are_trusted_more_before_anything_is_observed():
    table = initial_table()
    trust = [expected_acceptance(table, cell_of(length, 1.0, 1)) for length in (1, 2, 5, 20, 64)]
    assert trust == sorted(trust)


def observations(draft, tokens):
    """What the cells 0, 1, … gain where `draft` was followed by `tokens`."""
    table = initial_table()
    texts = np.zeros((1, text_width(len(draft))), np.int32)
    end = DRAFT + 2 * len(draft)
    texts[0, DRAFTED] = len(draft)
    texts[0, DRAFT:end:2] = draft
    texts[0, DRAFT + 1 : end : 2] = range(len(draft))
    learn_from(texts, table, 0, np.array(tokens, np.int32))
    return (table - initial_table())[: len(draft)].tolist()


def test_a_draft_teaches_up_to_its_first_wrong_token():
    gained = observations([5, 6, 7, 8], [5, 9, 7])
    assert gained == [[1.0, 1.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]


def test_a_draft_teaches_no_further_than_the_text_goes():
    assert observations([5, 6, 7], [5]) == [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]


def test_old_observations_count_less():
    table = initial_table()
    for _ in range(2 * int(LONGEST_MEMORY)):
        learn(table, 0, True)
    for _ in range(2 * int(LONGEST_MEMORY)):
        learn(table, 0, False)
    assert table[0, OBSERVED] <= LONGEST_MEMORY + 1
    assert table[0, RIGHT] / table[0, OBSERVED] < 0.2


def test_the_bar_rises_with_the_batch_and_never_falls_below_the_option():
    bars = [lowest_acceptance(0.1, batch) for batch in (1, 16, 64, 256, 1024)]
    assert bars[0] == 0.1
    assert bars == sorted(bars)
    assert bars[3] == pytest.approx(0.5)


def always_wrong(drafter):
    """Steps of a text whose drafts never come true; what was proposed at each."""
    tokens = [1, 2, 3]
    proposed = []
    for number in range(60):
        row = np.array([[*tokens, 0]], np.int32)
        (draft,) = drafter.step(["a"], row, [len(tokens)], [1], 3)
        proposed.append(len(draft))
        tokens += [1, 2, 50 + number][number % 3 : number % 3 + 1]
    return proposed


def test_drafts_that_are_never_right_are_given_up():
    proposed = always_wrong(SamDrafter(3, min_acceptance=0.3))
    assert sum(proposed[:30]) > 0
    assert sum(proposed[-15:]) < sum(always_wrong(SamDrafter(3))[-15:])


def test_what_is_not_proposed_is_learnt_all_the_same():
    drafter = SamDrafter(3, min_acceptance=0.9)
    period = [1, 2, 3, 4, 5]
    text = np.array([period * 40], np.int32)
    proposed = [drafter.step(["a"], text, [end], [1], 3)[0] for end in range(2, 200)]
    assert proposed[4] == []
    assert proposed[-1] == [text[0, 199], text[0, 0], text[0, 1]]
