"""What engines get to do of a trace."""

import click
import numpy as np
import pytest

from bench.lib.samples import traces

CHECKPOINTS, CONVERSATIONS, PROGRAMS = traces.TRACES


def text(sample):
    return "".join(map(chr, sample.tokens))


def names(scenarios):
    return [scenario.name for scenario in scenarios]


def test_a_long_repetition_is_a_loop():
    assert traces.plain(np.array([1, 2, 3] * 200, np.int32)).loops
    random = np.random.default_rng(0).integers(0, 50_000, 600, np.int32)
    assert not traces.plain(random).loops


def test_a_short_repetition_is_none():
    assert not traces.plain(np.array([1, 2, 3] * 60, np.int32)).loops


def test_only_what_was_generated_can_loop():
    random = np.random.default_rng(0).integers(0, 50_000, 600, np.int32)
    looping = np.array([7] * 6000, np.int32)
    assert not traces.conversation([("tool", looping), ("assistant", random)]).loops
    assert traces.conversation([("tool", random), ("assistant", looping)]).loops


def test_the_turns_of_a_conversation_are_the_assistants(letters):
    segments = [("user", "Hi"), ("assistant", "Yes?"), ("tool", "x"), ("assistant", "Bye")]
    sample = traces.conversation([(role, letters(said)) for role, said in segments])
    assert text(sample) == "HiYes?xBye"
    assert sample.turns == [(2, 6), (7, 10)]


def test_every_second_prompt(letters, write_trace):
    rows = [{"prompt": f"p{i}", "samples": [f"s{i}"] * 2} for i in range(1, 6)]
    folder = write_trace(PROGRAMS, rows)
    for first, expected in ((0, ["s1", "s3", "s5"]), (1, ["s2", "s4"])):
        group = traces.scenarios(folder, first)[1]
        assert [text(rollout.samples[0]) for rollout in group.passes[0].rollouts] == expected


def test_earlier_checkpoints_are_history_epoch_by_epoch(letters):
    rows = [{"prompt": p, "samples": [f"{p}{epoch:02}" for epoch in range(11)]} for p in "ab"]
    scenarios = traces.checkpoints(rows, letters)
    assert names(scenarios) == ["own", *(f"after {n} checkpoints" for n in (0, 1, 3, 10))]
    (work,) = scenarios[3].passes
    assert [text(r.samples[0]) for r in work.rollouts] == ["a10", "b10"]
    earlier = [text(r.samples[0]) for r in work.history]
    assert earlier == ["a07", "b07", "a08", "b08", "a09", "b09"]


def test_no_earlier_checkpoint_is_no_history(letters):
    rows = [{"prompt": "a", "samples": ["x"] * 11}]
    assert not traces.checkpoints(rows, letters)[1].passes[0].history


def test_other_trials_are_history(letters):
    trials = [[["system", "policy"], ["user", "Hi"], ["assistant", f"{i}"]] for i in range(4)]
    own, shared = traces.conversations([{"segments": trials}], letters)
    assert own.is_own
    assert not shared.is_own
    alone = [[text(sample) for sample in rollout.samples] for rollout in own.passes[0].rollouts]
    assert alone == [[f"Hi{i}"] for i in range(4)]
    for i, work in enumerate(shared.passes):
        assert [text(sample) for sample in work.rollouts[0].samples] == [f"Hi{i}"]
        others = [text(sample) for rollout in work.history for sample in rollout.samples]
        assert others == [f"Hi{j}" for j in range(4) if j != i]


def test_later_samples_are_history_of_a_group(letters):
    rows = [{"prompt": "a", "samples": [f"{i:02}" for i in range(40)]}]
    *_, group, after = traces.programs(rows, letters)
    assert not group.passes[0].history
    assert [text(s) for s in after.passes[0].rollouts[0].samples] == [f"{i:02}" for i in range(16)]
    assert [text(s) for s in after.passes[0].history[0].samples] == [
        f"{i:02}" for i in range(16, 32)
    ]


def test_samples_that_are_empty_or_loop_are_left_out(letters):
    samples = [traces.plain(letters(each)) for each in ("", "ab" * 1000, "fine")]
    assert [text(each) for each in traces.decodable(letters("p"), samples).samples] == ["fine"]


def test_a_folder_without_traces_is_refused(tmp_path):
    with pytest.raises(click.BadParameter, match="holds none of"):
        traces.scenarios(tmp_path, 0)


@pytest.mark.parametrize("row", [{"prompt": "a"}, [1], "text"])
def test_a_trace_that_is_none_is_refused(letters, write_trace, row):
    folder = write_trace(PROGRAMS, [row])
    with pytest.raises(click.BadParameter, match="is not JSON lines"):
        traces.scenarios(folder, 0)
