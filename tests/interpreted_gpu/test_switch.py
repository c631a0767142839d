"""Above the threshold the scheduler leaves no room for drafts, and the index learns on."""

from itertools import pairwise

from specroll_speculation.batch_switch import VARIABLE
from vllm.config.sam import LENGTHS

from testing.engine import SAM, draft_counts, generate, model_runner, recorded_steps
from testing.interpreted_gpu.counting import counted


def test_above_the_threshold_nothing_is_scheduled(start_engine, prompts, cpu_tokens, mode):
    """The same is scheduled; nothing more is copied, and the host waits for nothing more."""
    found = []
    for method, options in (((), {}), ((SAM,), {"threshold": 2})):
        with counted() as counts:
            engine = start_engine(*method, **options, **mode)
            generate(engine, prompts, max_tokens=2)  # what happens once only
            steps = recorded_steps(engine)
            counts.clear()
            tokens = generate(engine, prompts, max_tokens=40)
            assert tokens == [answer[:40] for answer in cpu_tokens]
            found.append((steps, dict(counts)))
        assert draft_counts(engine) == (0, 0)
    plain, drafting = found
    assert drafting == plain


def test_crossing_the_threshold(start_engine, prompts, mode):
    limits = [20 + 12 * row for row in range(len(prompts))]
    plain = generate(start_engine(**mode), prompts, max_tokens=limits)
    engine = start_engine(SAM, threshold=3, **mode)
    steps = recorded_steps(engine)
    assert generate(engine, prompts, max_tokens=limits) == plain
    drafting = [num_reqs for num_reqs, _, drafts in steps if drafts]
    assert max(drafting) <= 3 + 1  # a step is scheduled before the one ahead of it
    assert draft_counts(engine)[1] > 0


def test_upstreams_lengths_by_batch_size(start_engine, prompts, monkeypatch):
    limits = [20 + 12 * row for row in range(len(prompts))]
    without = start_engine()
    plain = generate(without, prompts, max_tokens=limits)
    monkeypatch.delenv(VARIABLE, raising=False)
    engine = start_engine({**SAM, LENGTHS: [[1, 2, 3], [3, 4, 1], [5, 64, 0]]})
    assert type(model_runner(engine)) is type(model_runner(without))
    steps = recorded_steps(engine)
    assert generate(engine, prompts, max_tokens=limits) == plain
    longest = {num_reqs: 0 for num_reqs, _, _ in steps}
    for (before, _, _), (num_reqs, _, num_drafts) in pairwise(steps):
        if before == num_reqs:  # a step is scheduled before the one ahead of it
            longest[num_reqs] = max(longest[num_reqs], num_drafts // num_reqs)
    assert [longest[size] for size in range(1, 7)] == [3, 3, 1, 1, 0, 0]


def test_what_is_generated_above_the_threshold_is_learnt(start_engine, prompts, cpu_tokens):
    engine = start_engine({**SAM, "sam_history_tokens": 100_000}, threshold=2)
    assert generate(engine, prompts) == cpu_tokens
    held = model_runner(engine).speculator.drafter.num_history_tokens
    assert held == 0  # the last are told with the next step
    assert generate(engine, prompts[:1]) == cpu_tokens[:1]
    assert draft_counts(engine)[1] > len(cpu_tokens[0]) / 2
