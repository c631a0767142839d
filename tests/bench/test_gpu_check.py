"""What the command for a GPU makes of its engines' times."""

import importlib.machinery

import pytest
from click.testing import CliRunner

from bench import gpu_check
from bench.lib.engines.timed import Moment, TimedRollout
from bench.lib.measures import gains
from bench.lib.measures.gains import Recommendation

PLAIN = TimedRollout([[1], [2]], [Moment(1.0, 8, 8), Moment(1.0, 4, 4), Moment(1.0, 1, 1)])
GOOD = TimedRollout([[1], [2]], [Moment(1.0, 8, 8), Moment(1.0, 4, 8), Moment(1.0, 1, 2)])
BETTER = TimedRollout([[1], [3]], [Moment(2.0, 8, 8), Moment(1.0, 4, 8), Moment(1.0, 1, 4)])


def test_a_batch_gains_what_its_tokens_cost_less():
    assert gains.gains(PLAIN, GOOD) == {1: 2.0, 4: 2.0, 8: 1.0}


def test_what_saves_most_below_its_threshold_is_recommended():
    assert gains.recommendation(PLAIN, {3: GOOD}) == Recommendation(4, 3)
    assert gains.recommendation(PLAIN, {3: GOOD, 7: BETTER}) == Recommendation(4, 7)
    assert gains.recommendation(PLAIN, {3: PLAIN}) == Recommendation(0, 3)


def test_batches_that_never_were_save_nothing():
    sparse = TimedRollout([], [Moment(1.0, 4, 8)])
    assert gains.recommendation(PLAIN, {3: sparse}) == Recommendation(4, 3)
    assert gains.seconds_saved(PLAIN, gains.gains(PLAIN, sparse)) == 0.5


def test_crowd_and_tail_are_the_whole():
    assert gains.parts(PLAIN, threshold=4) == (1.0, 2.0)
    assert gains.differing(BETTER.token_ids, PLAIN.token_ids) == 1


@pytest.mark.parametrize(
    ("found", "advice", "expected"),
    [
        ({}, Recommendation(0, 3), "sam does not pay here in any batch: leave speculation off."),
        ({}, Recommendation(8, 3), "num_speculative_tokens=3; there was no time to run an engine"),
        (
            {"sam, 3 up to 8": {"x_none": 1.25, "tail_x_none": 1.5}},
            Recommendation(8, 3),
            "the rollout took 1.25 x less time, its tail 1.50 x less.",
        ),
    ],
)
def test_the_verdict_is_a_sentence(found, advice, expected):
    assert expected in gpu_check.verdict(found, advice)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory.", "m does not fit the memory"),
        ("ValueError: Free memory on device is less than desired", "m does not fit the memory"),
        ("OSError: m is not a valid model identifier", "there is no model m: name a folder"),
    ],
)
def test_an_error_of_an_engine_becomes_a_sentence(log, expected):
    assert gpu_check.sentence("m", f"starting\n{log}\nleaving\n").startswith(expected)


def test_what_is_no_known_error_has_no_sentence():
    assert gpu_check.sentence("m", "INFO less than desired\nValueError: else\n") is None


@pytest.mark.parametrize(
    ("found", "message"),
    [(False, "vLLM is not installed"), (True, "is not patched: run `apply-patches apply` first")],
)
def test_an_environment_that_is_not_patched_is_refused(monkeypatch, tmp_path, found, message):
    origin = str(tmp_path / "__init__.py")
    spec = importlib.machinery.ModuleSpec("vllm", None, origin=origin) if found else None
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: spec)
    result = CliRunner().invoke(gpu_check.main, ["--model", "m"])
    assert result.exit_code == 1
    assert message in result.output
