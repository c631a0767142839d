"""What is counted of an engine's steps."""

from specroll_speculation.counts import RequestStep, SpeculationCounter


def counter(speculative=True, switched=True):
    times = iter(range(100))
    return SpeculationCounter(
        speculative=speculative, switched=switched, clock=lambda: float(next(times))
    )


def test_a_step_counts_what_was_verified():
    counts = counter()
    steps = RequestStep(3, 3), RequestStep(1, 1), RequestStep(1, 0), RequestStep(0, 0)
    counts.count_step(4, steps, in_tail=True)
    taken = counts.take()
    assert (taken["steps"], taken["switched_off_steps"]) == (1, 0)
    assert (taken["sampling_steps"], taken["sampled_tokens"]) == (3, 5)
    assert (taken["verified_drafts"], taken["draft_tokens"]) == (2, 4)
    assert taken["accepted_tokens"] == 2
    assert counts.take()["steps"] == 0


def test_what_a_grammar_refused_was_not_verified():
    counts = counter()
    refused = RequestStep(num_sampled=1, num_scheduled=3, num_refused=2)
    counts.count_step(1, [refused], in_tail=True)
    assert counts.take()["draft_tokens"] == 1


def test_the_tail_begins_behind_the_last_large_step():
    counts = counter()
    for batch in (1, 2, 1, 1, 2, 1, 1):
        counts.count_step(batch, [], in_tail=batch == 1)
    taken = counts.take()
    assert taken["switched_off_steps"] == 2
    assert (taken["generation_s"], taken["tail_s"]) == (6.0, 2.0)


def test_the_last_step_says_whether_it_was_switched_off():
    counts = counter()
    for batch, switched_off in ((1, False), (2, True), (1, False)):
        counts.count_step(batch, [], in_tail=batch == 1)
        assert counts.switched_off == switched_off


def test_a_drafter_without_a_switch_is_never_off():
    counts = counter(switched=False)
    counts.count_step(2, [], in_tail=False)
    assert counts.take()["switched_off_steps"] == 0


def test_a_step_that_runs_nothing_does_not_count():
    counts = counter()
    counts.count_step(0, [], in_tail=True)
    assert counts.take()["steps"] == 0
