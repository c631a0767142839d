"""Requests of a skewed rollout, and what is made of its steps."""

import json
from contextlib import nullcontext
from itertools import pairwise

import pytest
from click.testing import CliRunner

from bench import rollout
from bench.lib.engines.requests import Shape, spread_lengths
from bench.lib.engines.stepping import Rollout, Step
from bench.lib.measures import rollouts

THRESHOLD = 2


def rolled_out(seconds, token_ids=((1, 2, 3), (4,), (5, 6)), **drafts):
    """Return three steps, with 3, 2 and 1 requests; the drafts are those of the last two."""
    counts = [{"tokens": 3}, {"tokens": 4, **drafts}, {"tokens": 2, **drafts}]
    steps = zip(seconds, (3, 2, 1), counts, strict=True)
    return Rollout([list(tokens) for tokens in token_ids], [Step(s, n, **c) for s, n, c in steps])


NONE = [rolled_out((5.0, 2.0, 2.0)), rolled_out((5.0, 3.0, 3.0)), rolled_out((5.0, 1.0, 1.0))]
SAM = [rolled_out((5.0, 1.0, 1.0), draft_tokens=3, accepted_tokens=2) for _ in range(3)]


def test_lengths_are_spread_evenly_in_logarithm():
    lengths = spread_lengths(101, 20, 200)
    assert lengths == spread_lengths(101, 20, 200)
    assert lengths != sorted(lengths)
    assert (min(lengths), max(lengths)) == (20, 200)
    ratios = [b / a for a, b in pairwise(sorted(lengths))]
    assert max(ratios) < 1.1
    assert spread_lengths(1, 20, 200) == [200]


def test_a_group_shares_its_prompt_and_differs_in_words_to_avoid():
    shape = Shape(group=4, shortest=5, longest=50, temperature=0.0)
    assert shape.num_prompts(6) == 2
    requests = shape.requests(["one two, three four five six seven eight", "ten"], 6)
    assert [request.prompt[:3] for request in requests] == ["one"] * 4 + ["ten"] * 2
    assert all(request.sampling["temperature"] == 0 for request in requests)
    avoided = [request.sampling.get("bad_words") for request in requests[:4]]
    assert avoided == [None, ["three", "four"], ["five", "six"], ["seven", "eight"]]
    assert sorted(request.sampling["max_tokens"] for request in requests)[::5] == [5, 50]


def test_in_a_later_epoch_samples_do_without_other_words():
    shape = Shape(group=2, shortest=5, longest=50, temperature=0.0)
    prompt = "one two three four five six seven eight"
    epochs = [shape.requests([prompt], 2, epoch) for epoch in range(2)]
    assert [request.sampling.get("bad_words") for request in epochs[0]] == [None, ["five", "six"]]
    assert [request.sampling["bad_words"] for request in epochs[1]] == [
        ["three", "four"],
        ["seven", "eight"],
    ]
    limits = [[request.sampling["max_tokens"] for request in epoch] for epoch in epochs]
    assert limits[0] == limits[1]
    sampled = Shape(2, 5, 50, 0.8).requests([prompt], 2, epoch=1)
    assert [request.sampling["seed"] for request in sampled] == [2, 3]


def test_rounds_of_epochs_become_epochs_of_rounds(monkeypatch):
    first, second = NONE[:2]
    rounds = {"none": [[first, second], [first, second]], "sam": [[second, first]] * 2}
    monkeypatch.setattr(rollout, "running_engines", lambda *_: nullcontext({}))
    monkeypatch.setattr(rollout, "rounds_in_turn", lambda *_: rounds)
    assert rollout.rollouts(None, ["none", "sam"], {3: []}, 2) == {
        3: [
            {"none": [first, first], "sam": [second, second]},
            {"none": [second, second], "sam": [first, first]},
        ]
    }


def test_sampled_requests_avoid_nothing():
    sampled = Shape(2, 5, 50, 0.8).requests(["one two"], 2)
    assert [request.sampling["seed"] for request in sampled] == [0, 1]
    assert all("bad_words" not in request.sampling for request in sampled)


def test_the_tail_begins_at_the_threshold():
    assert [step.running for step in rollouts.tail(NONE[0], THRESHOLD)] == [2, 1]
    assert [step.running for step in rollouts.crowd(NONE[0], THRESHOLD)] == [3]
    assert rollouts.crowd(NONE[0], 3) == []


def test_measures():
    found = rollouts.measures(SAM, NONE, THRESHOLD)
    assert found["seconds"] == 7
    assert found["x_none"] == pytest.approx(9 / 7)
    assert found["tail_seconds"] == 2
    assert found["tail_x_none"] == 2
    assert found["tail_steps"] == 2
    assert found["tail_tokens_per_step"] == 2
    assert found["tail_accepted_tokens"] == 12
    assert found["crowd_draft_tokens"] == 0
    assert (found["shortest"], found["longest"]) == (1, 3)


def test_a_rollout_without_a_tail_has_nothing_to_say_of_it():
    together = [Rollout([[1, 2]] * 3, [Step(1.0, 3, tokens=3)] * 2)]
    found = rollouts.measures(together, together, THRESHOLD)
    assert found["x_none"] == 1
    assert found["tail_x_none"] is None
    assert found["tail_tokens_per_step"] is None
    run = {**found, "batch": 3, "epoch": 1, "method": "none", "differing": 0}
    assert rollouts.table([run]).splitlines()[-1].split()[7:9] == ["-", "-"]


def test_the_drafter_has_a_share_of_the_crowds_time():
    crowd = [Step(2.0, 3, drafter_seconds=0.1), Step(2.0, 3, drafter_seconds=0.3)]
    assert rollouts.drafter_share(crowd) == pytest.approx(0.1)
    assert rollouts.drafter_us(crowd) == pytest.approx(200_000)
    assert rollouts.drafter_share([]) is None
    assert rollouts.drafter_us([]) is None


def test_answers_that_differ_are_counted():
    other = [*NONE[:2], rolled_out((5.0, 1.0, 1.0), ((1, 2, 3), (9,), (5,)))]
    assert rollouts.differing(NONE, NONE) == 0
    assert rollouts.differing(other, NONE) == 2


@pytest.fixture
def roll_out(monkeypatch, tmp_path):
    """Run the command on rounds that no engine made."""

    def run(*options, sam=SAM):
        rounds = {"none": NONE, "sam_group": sam}
        monkeypatch.setattr(rollout, "rollouts", lambda *_: {3: [rounds, rounds]})
        prompts = tmp_path / "prompts"
        prompts.write_text("one\ntwo\n")
        given = ["--model", str(tmp_path), "--prompts", str(prompts), "--batches", "3"]
        options = [*given, "--group", "2", "--threshold", str(THRESHOLD), *options]
        return CliRunner().invoke(rollout.main, options)

    return run


def test_the_command_writes_what_it_found(roll_out, tmp_path):
    outcome = roll_out("--json", str(tmp_path / "found.json"), "--plots", str(tmp_path))
    assert outcome.exit_code == 0
    rows = [line.split()[:3] for line in outcome.stdout.splitlines()[1:]]
    assert rows == [["3", e, m] for e in ("1", "2") for m in ("none", "sam_group")]
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["threshold"] == THRESHOLD
    assert found["group"] == 2
    assert [run["tail_x_none"] for run in found["runs"]] == [1, 2, 1, 2]
    assert (tmp_path / "rollout_batch_3.png").exists()


def test_json_on_standard_output_is_alone_there(roll_out):
    outcome = roll_out("--json", "-")
    assert json.loads(outcome.stdout)["group"] == 2
    assert outcome.stderr.startswith("batch")


def test_different_tokens_are_an_error_where_they_are_compared(roll_out):
    other = [rolled_out((1.0, 1.0, 1.0), ((1,), (2,), (3,)))] * 3
    assert roll_out(sam=other).exit_code == 1
    sampled = roll_out("--temperature", "1", sam=other)
    assert sampled.exit_code == 0
    assert sampled.stdout.splitlines()[1].split()[-1] == "-"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--batches", "1,x"], "'1,x' is not a list of numbers"),
        (["--batches", "4,4"], "every batch"),
        (["--batches", "0"], "every batch"),
        (["--batches", "9"], "has 2 prompts, not 5"),
        (["--shortest", "9", "--longest", "8"], "--shortest is more than --longest"),
        (["--methods", "sam_group"], "none must be one of them"),
    ],
)
def test_bad_options(roll_out, options, sentence):
    outcome = roll_out(*options)
    assert outcome.exit_code == 2
    assert sentence in outcome.stderr
