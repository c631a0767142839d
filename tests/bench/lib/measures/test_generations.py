"""What is made of the rounds."""

import pytest

from bench.lib.engines.process import Generation
from bench.lib.measures import generations
from bench.lib.measures.token_differences import Difference, first_differences


def generation(seconds, token_ids, drafts=0, draft_tokens=0, accepted=0):
    return Generation(seconds, [[0]] * len(token_ids), token_ids, drafts, draft_tokens, accepted)


NONE = [generation(seconds, [[1, 2, 3, 4]]) for seconds in (1.0, 2.0, 4.0)]
SAM = [generation(seconds, [[1, 2, 3, 4]], 2, 6, 2) for seconds in (0.5, 0.5, 4.0)]


def test_measures():
    found = generations.measures(SAM, NONE)
    assert found["tokens_per_s"] == 8
    assert found["speedup_over_none"] == 2
    assert found["tokens_per_step"] == pytest.approx(2.0)
    assert found["mean_acceptance_length"] == pytest.approx(2.0)
    assert found["draft_acceptance_rate"] == pytest.approx(1 / 3)
    assert found["accepted_drafts"] == 6
    assert found["identical_to_none"] is True
    assert found["rounds"][0] == {"tokens": 4, "seconds": 0.5}


def test_without_drafts_there_is_no_acceptance():
    found = generations.measures(NONE, NONE)
    assert found["mean_acceptance_length"] is None
    assert found["draft_acceptance_rate"] is None
    assert found["speedup_over_none"] == 1


def test_outputs_shorter_than_their_drafts_say_nothing_of_steps():
    short = [generation(1.0, [[1, 2]], 1, 3, 3)]
    assert generations.measures(short, short)["tokens_per_step"] is None


def test_one_differing_round_is_enough():
    other = [*NONE[:2], generation(1.0, [[1, 2, 3, 5]])]
    assert generations.measures(other, NONE)["identical_to_none"] is False


def test_table():
    methods = {"none": generations.measures(NONE, NONE), "sam": generations.measures(SAM, NONE)}
    header, none, sam = generations.table(methods).splitlines()
    assert header.split("  ")[0].strip() == "method"
    assert none.split() == ["none", "2.0", "1.00", "1.000", "-", "-", "0", "yes"]
    assert sam.split() == ["sam", "8.0", "2.00", "2.000", "2.000", "0.333", "6", "yes"]


def test_first_differences():
    reference = generation(1.0, [[1, 2, 3], [4, 5], [6, 7]])
    other = generation(1.0, [[1, 9, 3], [4, 5], [6]])
    assert first_differences(reference, other) == [
        Difference(0, 1, 2, 9),
        Difference(2, 1, 7, None),
    ]
