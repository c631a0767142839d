"""The reward's formula, and what it asks the target."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spd.reward import Coefficients, Decided, RewardError, Rewards, judged, leading_accepts
from spd.rows import Row
from spd.settings import RewardSettings


def row(draft, target, outcomes=None):
    return Row(
        context=np.array([5, 6]),
        draft=np.array(draft),
        target=np.array(target),
        ground_truth="7",
        checker="math_verify",
        baseline_right=True,
        outcomes=None if outcomes is None else np.array(outcomes),
        place="train.parquet, row 3",
    )


@pytest.mark.parametrize(
    ("accepted", "right", "expected", "scenario"),
    [
        (10, True, 2.0, "free_speed"),
        (6, True, 1.5, "free_speed"),
        (10, False, -2.0, "harm"),
        (3, False, -1.125, "harm"),
        (2, True, 0.5, "safe"),
        (2, False, 0.0, "not_its_doing"),
    ],
)
def test_formula(accepted, right, expected, scenario):
    decided = Decided(accepted=accepted, lossless=2, drafted=10, right=right)
    assert decided.scenario == scenario
    assert decided.reward(Coefficients()) == pytest.approx(expected)


def test_coefficients_change_it():
    chosen = Coefficients(alpha=3, beta=0.25, gamma=2)
    assert Decided(10, 2, 10, right=True).reward(chosen) == 4
    assert Decided(10, 2, 10, right=False).reward(chosen) == -4
    assert Decided(2, 2, 10, right=True).reward(chosen) == 0.25


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 30), st.booleans())
def test_accepting_more_pays_where_it_is_right_and_costs_where_it_is_wrong(a, b, drafted, right):
    less, more = sorted((min(a, drafted), min(b, drafted)))
    rewards = [Decided(n, 0, drafted, right).reward(Coefficients()) for n in (less, more)]
    assert (rewards[0] <= rewards[1]) if right else (rewards[0] >= rewards[1])


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"beta": 2.0}, "learns to reject all"),
        ({"alpha": 0.0, "beta": 1.0}, "learns to reject all"),
        ({"gamma": -1}, "gamma is -1"),
        ({"alpha": "much"}, "alpha is 'much'"),
        ({"beta": float("nan")}, "beta is nan"),
    ],
)
def test_coefficients_that_make_no_sense(given_, message):
    with pytest.raises(RewardError, match=message):
        Coefficients(**given_)


class RightAfter:
    """Answers that are right after some accepted drafts; it notes what it was asked."""

    def __init__(self, *right):
        self.is_right = right
        self.asked = []

    def right(self, samples):
        self.asked.append(samples)
        return [tuple(sample.accepted) in self.is_right for sample in samples]


def test_a_batch_is_asked_at_once():
    answers = RightAfter((8, 9, 1), (8,))
    rows = [row([8, 9, 1], [8, 8, 1]), row([8, 9, 1], [8, 8, 1])]
    scores = Rewards(answers, Coefficients()).score([[1, 1, 1], [1, 0, 1]], rows)
    assert [score["score"] for score in scores] == [2.0, 0.5]
    assert [score["accepted_length"] for score in scores] == [3.0, 1.0]
    assert [score["lossless_length"] for score in scores] == [1.0, 1.0]
    assert [score["free_speed"] for score in scores] == [1.0, 0.0]
    [samples] = answers.asked
    assert samples[1].context == [5, 6]
    assert (samples[1].accepted, samples[1].name) == ([8], "train.parquet, row 3")


def test_a_missing_decision_is_refused():
    with pytest.raises(RewardError, match=r"train.parquet, row 3: 2 decisions for 3 draft tokens"):
        leading_accepts([1, 1], row([8, 9, 1], [8, 8, 1]))


def test_judged_mismatches():
    """Stops 1, 2, 4 and the end: harmless, then harmful, then not to be judged."""
    drafted = row([1, 2, 3, 4, 5], [1, 0, 0, 4, 0], [True, True, False, False])
    assert judged([1, 1, 1, 1, 0], drafted) == {
        "harmless": 1,
        "accepted_harmless": 1,
        "harmful": 1,
        "accepted_harmful": 1,
    }
    assert judged([1, 0, 0, 1, 1], drafted)["accepted_harmless"] == 0
    assert set(judged([1] * 5, row([1, 2, 3, 4, 5], [1, 0, 0, 4, 0])).values()) == {0}


def test_settings_need_a_server():
    with pytest.raises(RewardError, match=r"\+reward_model.reward_kwargs.completion_url=http"):
        RewardSettings.of({})


def test_settings_name_what_there_is():
    with pytest.raises(RewardError, match=r"no setting gama; there are: alpha, beta, "):
        RewardSettings.of({"completion_url": "http://127.0.0.1:1", "gama": 1})


def test_settings_refuse_coefficients_when_they_are_used():
    settings = RewardSettings.of({"completion_url": "http://127.0.0.1:1", "beta": 2.5})
    with pytest.raises(RewardError, match=r"beta is 2\.5"):
        settings.rewards(None)


def test_settings_from_the_environment(monkeypatch):
    monkeypatch.setenv("SPD_COMPLETION_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("SPD_GAMMA", "2")
    monkeypatch.setenv("SPD_RETRIES", "5")
    settings = RewardSettings.with_environment({"gamma": 3.0})
    assert (settings.completion_url, settings.gamma) == ("http://127.0.0.1:1", 3.0)
    assert settings.retries == 5
    monkeypatch.setenv("SPD_ALPHA", "one")
    with pytest.raises(RewardError, match="SPD_ALPHA is 'one': give a number"):
        RewardSettings.with_environment({})
