"""What a drafter sees of recorded samples, and what is accepted."""

from itertools import count

import numpy as np

from bench.lib.drafters import replay
from bench.lib.samples.traces import Pass, Rollout, Sample, plain


class Recorder:
    """A drafter that notes what it gets and drafts by a function of the text so far."""

    def __init__(self, draft=lambda text: []):
        self.draft = draft
        self.steps = []
        self.finished = []

    def step(self, req_ids, token_ids, num_tokens, num_prompt_tokens, draft_limits):
        texts = [token_ids[i, :length].tolist() for i, length in enumerate(num_tokens)]
        self.steps.append((list(req_ids), texts, list(num_prompt_tokens), list(draft_limits)))
        return [self.draft(text)[:limit] for text, limit in zip(texts, draft_limits, strict=True)]

    def finish(self, req_ids):
        self.finished += req_ids


def array(*tokens):
    return np.array(tokens, np.int32)


def replayed(drafter, work, longest_draft=3):
    total = replay.Acceptance()
    replay.replay(drafter, work, longest_draft, total)
    return total


def sums(total):
    return total.tokens, total.steps, total.proposed, total.accepted


def test_agreement_with_the_sample_is_accepted():
    drafts = {4: [1, 2, 7], 7: [4, 4, 4]}
    drafter = Recorder(lambda text: drafts.get(len(text), []))
    work = Pass([Rollout(array(1, 2, 3, 9), [plain(array(1, 2, 3, 4))])])
    assert sums(replayed(drafter, work)) == (4, 2, 6, 3)


def test_a_draft_beyond_the_end_is_accepted_up_to_it():
    drafter = Recorder(lambda text: [5, 5, 5])
    assert sums(replayed(drafter, Pass([Rollout(array(1), [plain(array(5, 5))])]))) == (2, 1, 3, 2)


def test_a_drafter_sees_the_last_tokens_and_then_the_end():
    drafter = Recorder(lambda text: [6] if text[-1] == 5 else [])
    replayed(drafter, Pass([Rollout(array(1), [plain(array(5, 6, 7, 8))])]))
    seen = [(texts[0], limits[0]) for _, texts, _, limits in drafter.steps]
    assert seen == [([1], 3), ([1, 5], 3), ([1, 5, 6, 7], 3), ([1, 5, 6, 7, 8], 0)]
    assert drafter.finished == ["0"]


def test_what_others_say_arrives_at_once_and_is_not_drafted():
    sample = Sample(array(20, 21, 5, 6, 22, 23, 7), [(2, 4), (6, 7)])
    drafter = Recorder(lambda text: [6, 22, 23])
    total = replayed(drafter, Pass([Rollout(array(1), [sample])]))
    assert [len(texts[0]) for _, texts, _, _ in drafter.steps] == [3, 4, 7, 8]
    assert sums(total) == (3, 3, 9, 1)


def test_requests_run_side_by_side_and_rows_close():
    samples = [plain(array(*tokens)) for tokens in ([5], [6, 7, 8], [9, 10])]
    drafter = Recorder()
    total = replayed(drafter, Pass([Rollout(array(1), samples)]))
    assert sums(total) == (6, 6, 0, 0)
    assert [names for names, *_ in drafter.steps] == [
        ["0", "1", "2"],
        ["0", "1", "2"],
        ["2", "1"],
        ["1"],
    ]
    for names, texts, *_ in drafter.steps:
        for name, text in zip(names, texts, strict=True):
            whole = [1, *samples[int(name)].tokens.tolist()]
            assert text == whole[: len(text)]
    assert sorted(drafter.finished) == ["0", "1", "2"]


def test_history_is_taken_in_whole_and_does_not_count():
    history = [Rollout(array(1, 2), [plain(array(5, 6)), plain(array(7))])]
    drafter = Recorder()
    total = replayed(drafter, Pass([Rollout(array(1, 2), [plain(array(8))])], history))
    assert drafter.steps[:2] == [
        (["0"], [[1, 2, 5, 6]], [2], [0]),
        (["1"], [[1, 2, 7]], [2], [0]),
    ]
    assert drafter.finished == ["0", "1", "2"]
    assert total.steps == 1


def test_a_rollout_without_samples_is_passed_over():
    assert replayed(Recorder(), Pass([Rollout(array(1), [])])).steps == 0


def test_classes_of_positions_double():
    starts = [replay.class_start(i) for i in range(replay.NUM_CLASSES)]
    assert starts[:5] == [0, 64, 128, 256, 512]
    for i, start in enumerate(starts):
        assert replay.class_of(start) == i
    assert replay.class_of(63) == 0
    assert replay.class_of(1 << 30) == replay.NUM_CLASSES - 1


def test_positions_add_up():
    total = replay.Acceptance()
    replay.decode(
        Recorder(), Rollout(array(1), [plain(np.arange(200, dtype=np.int32))]), map(str, count()),
        3, total,
    )  # fmt: skip
    assert total.steps_at[:4] == [64, 64, 72, 0]
    assert sum(total.tokens_at) == total.tokens


def test_steps_are_counted_by_how_far_their_drafts_reach():
    drafts = {1: [5, 9], 3: [7]}
    drafter = Recorder(lambda text: drafts.get(len(text), []))
    total = replayed(drafter, Pass([Rollout(array(1), [plain(array(5, 6, 8, 8))])]))
    assert replay.steps_reaching(total.draft_lengths, 3) == [2, 1, 0]
    assert replay.steps_reaching(total.accepted_lengths, 3) == [1, 0, 0]
