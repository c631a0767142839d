"""Shares of steps, and what becomes of them with shorter drafts."""

import json

import click
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import acceptance_profile
from planner.acceptance_profile import AcceptanceProfile

HALF = AcceptanceProfile([1.0, 0.5], [0.5, 0.25])


@st.composite
def profiles(draw, spreads=(0.0,)):
    places = draw(st.integers(1, 8))
    drafted = sorted(draw(st.lists(st.floats(0, 1), min_size=places, max_size=places)))[::-1]
    accepted = []
    for share in drafted:
        accepted.append(draw(st.floats(0, min([share, *accepted]))))
    return AcceptanceProfile(drafted, accepted, draw(st.sampled_from(spreads)))


def decoded(text_runs, longest):
    """Decode text whose drafts are right for so many tokens at a time; count tokens and steps."""
    accepted = np.zeros(longest, int)
    tokens = steps = 0
    for run in text_runs:
        left = run + 1
        while left > 0:
            right = min(left - 1, longest)
            accepted[:right] += 1
            tokens += right + 1
            left -= right + 1
            steps += 1
    return tokens, steps, accepted


def test_tokens_of_a_step():
    assert HALF.draft_tokens == 1.5
    assert HALF.tokens_per_step == 1.75
    assert HALF.speeds(3).tolist() == [1.75] * 3


def test_shorter_drafts_by_hand():
    # Of four steps one accepts two tokens, which is three tokens in a step; with drafts of one
    # token that takes a step and a half, and of the step that accepted one token nothing changes.
    one = AcceptanceProfile([1.0, 1.0], [0.5, 0.25]).limited(1)
    assert one.accepted == pytest.approx([(0.25 + 0.25 * 1.5) / (0.75 + 0.25 * 1.5)])
    assert one.drafted == pytest.approx([1.0])


@settings(deadline=None)
@given(st.floats(0.05, 0.95), st.integers(0, 1000), st.integers(1, 8))
def test_shorter_drafts_are_those_of_the_same_text(rejected, seed, longest):
    runs = np.random.default_rng(seed).geometric(rejected, 2000) - 1
    tokens, steps, accepted = decoded(runs, 8)
    profile = acceptance_profile.of_counts(steps, [steps] * 8, accepted.tolist())
    assert profile.tokens_per_step == pytest.approx(tokens / steps)
    tokens, steps, accepted = decoded(runs, longest)
    shorter = profile.limited(longest)
    assert shorter.tokens_per_step == pytest.approx(tokens / steps, rel=0.05)
    assert shorter.accepted == pytest.approx(accepted / steps, abs=0.06)


@settings(deadline=None)
@given(profiles())
def test_shorter_drafts_give_less_and_a_profile(profile):
    by_length = [profile.limited(k) for k in range(1, profile.longest + 1)]
    assert [each.longest for each in by_length] == list(range(1, profile.longest + 1))
    gained = [each.tokens_per_step for each in by_length]
    assert gained == pytest.approx(sorted(gained))


@settings(deadline=None)
@given(profiles(spreads=(0.0, 0.3, 1.0)), st.integers(1, 200))
def test_requests_that_differ_accept_what_is_drafted_at_most(profile, requests):
    speeds = profile.speeds(requests)
    assert len(speeds) == requests
    assert (speeds >= 1).all()
    assert (speeds <= 1 + profile.draft_tokens + 1e-9).all()


def test_requests_that_differ_accept_as_much_in_the_mean():
    differing = AcceptanceProfile([1.0] * 8, [0.5] + [0.0] * 7, spread=0.5)
    speeds = differing.speeds(1000)
    assert speeds.mean() == pytest.approx(1.5, rel=0.01)
    assert np.log(speeds - 1).std() == pytest.approx(0.5, rel=0.02)
    assert speeds.tolist() == differing.speeds(1000).tolist()


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ({"drafted": [1.0]}, "lacks the field 'accepted'"),
        ({"drafted": [], "accepted": []}, "at least one"),
        ({"drafted": [1.0, 1.0], "accepted": [0.5]}, "the same places"),
        ({"drafted": [0.5, 1.0], "accepted": [0.1, 0.1]}, "drafted must be shares from 1 to 0"),
        ({"drafted": [1.5], "accepted": [0.1]}, "drafted must be shares from 1 to 0"),
        ({"drafted": [0.5], "accepted": [-0.1]}, "accepted must be shares from 1 to 0"),
        ({"drafted": [0.5], "accepted": [0.6]}, "more often than drafted"),
        ({"drafted": [0.5], "accepted": [0.1], "spread": -1}, "spread must not be negative"),
        ({"drafted": 3, "accepted": [0.1]}, "profile.json: drafted must be a list of numbers"),
        ({"drafted": [0.5], "accepted": ["0"]}, "accepted must be a list of numbers, not ['0']"),
        ([], "holds no JSON object"),
    ],
)
def test_bad_profiles(found, sentence, tmp_path):
    file = tmp_path / "profile.json"
    file.write_text(json.dumps(found))
    with pytest.raises(click.BadParameter) as error:
        acceptance_profile.read(file, None)
    assert sentence in error.value.message


def test_a_file_that_is_no_json(tmp_path):
    file = tmp_path / "profile.json"
    file.write_text("{")
    with pytest.raises(click.BadParameter) as error:
        acceptance_profile.read(file, None)
    assert "cannot be read as JSON" in error.value.message


def run_of(scenario, longest, method="sam", bar=0.0):
    return {
        "trace": "sky",
        "scenario": scenario,
        "num_speculative_tokens": longest,
        "method": method,
        "min_acceptance": bar,
        "steps": 10,
        "drafted_at": [10] * longest,
        "accepted_at": [longest] * longest,
    }


def test_recorded_samples_give_the_profile_of_their_longest_drafts(tmp_path):
    file = tmp_path / "acceptance.json"
    runs = [run_of("own", 3), run_of("own", 8), run_of("own", 8, "ngram", None)]
    file.write_text(json.dumps({"runs": [*runs, run_of("own", 8, bar=0.2)]}))
    profile = acceptance_profile.read(file, "sky, own")
    assert profile == AcceptanceProfile([1.0] * 8, [0.8] * 8)
    with pytest.raises(click.BadParameter) as error:
        acceptance_profile.read(file, None)
    assert "--samples must be one of: sky, own." in error.value.message


@pytest.mark.parametrize(
    "runs",
    [5, [5], [{}], [{**run_of("own", 8), "steps": 0}], [{**run_of("own", 8), "drafted_at": "x"}]],
)
def test_runs_that_are_none(tmp_path, runs):
    file = tmp_path / "acceptance.json"
    file.write_text(json.dumps({"runs": runs}))
    with pytest.raises(click.BadParameter) as error:
        acceptance_profile.read(file, "sky, own")
    assert 'acceptance.json has "runs" that bench.acceptance did not write' in error.value.message


def test_samples_are_for_what_has_some(tmp_path):
    file = tmp_path / "profile.json"
    file.write_text('{"drafted": [0.5], "accepted": [0.1], "source": "by hand"}')
    assert acceptance_profile.read(file, None).longest == 1
    with pytest.raises(click.BadParameter) as error:
        acceptance_profile.read(file, "sky, own")
    assert "is one profile" in error.value.message
