"""Drafts where steps overlap, on an emulated device: tokens are those of vLLM on the CPU."""

from itertools import pairwise

import pytest
from vllm.v1.core.sched.async_scheduler import AsyncScheduler

from testing.engine import (
    SAM,
    add_request,
    counters,
    draft_counts,
    generate,
    generate_with_pauses,
    model_runner,
    recorded_steps,
    run,
    scheduler,
)
from testing.npu_emulator.counting import counted
from testing.registry import require

require("overlapping drafts in the first model runner")


@pytest.fixture
def start_overlapping(start_engine):
    """Starts engines whose steps overlap."""
    return lambda *method, **options: start_engine(*method, async_scheduling=True, **options)


def test_scheduling_is_that_without_speculation(start_engine):
    plain, drafting = start_engine(async_scheduling=None), start_engine(SAM, async_scheduling=None)
    assert type(scheduler(drafting)) is type(scheduler(plain)) is AsyncScheduler


def test_tokens_are_those_without_speculation(start_overlapping, prompts, cpu_tokens):
    engine = start_overlapping(SAM)
    assert generate(engine, prompts) == cpu_tokens
    num_drafted, num_accepted = draft_counts(engine)
    assert num_drafted > num_accepted > 0
    for row in (0, 5, 11):
        assert generate(engine, prompts[row : row + 1]) == cpu_tokens[row : row + 1]
    assert draft_counts(engine)[1] > num_accepted


def test_chunked_prefill_and_preemption(start_overlapping, prompts, cpu_tokens):
    engine = start_overlapping(
        SAM,
        long_prefill_token_threshold=64,
        num_gpu_blocks_override=8,
        enable_prefix_caching=False,
    )
    assert generate(engine, prompts) == cpu_tokens
    assert counters(engine)["vllm:num_preemptions"] > 0
    assert draft_counts(engine)[1] > 0


def test_what_no_draft_fills_is_not_computed(start_overlapping, prompts, cpu_tokens):
    """The scheduler leaves room for whole drafts, of which many are shorter or none."""
    engine = start_overlapping({**SAM, "sam_min_acceptance": 0.5})
    runner = model_runner(engine)
    steps, prepare, computed = recorded_steps(engine), runner._prepare_inputs, []

    def preparing(scheduled, num_tokens):
        computed.append(sum(map(len, scheduled.scheduled_spec_decode_tokens.values())))
        assert num_tokens.sum() == scheduled.total_num_scheduled_tokens
        return prepare(scheduled, num_tokens)

    runner._prepare_inputs = preparing
    assert generate(engine, prompts) == cpu_tokens
    assert 0 < sum(computed) < sum(room for *_, room in steps)


def test_crossing_the_threshold(start_overlapping, prompts, cpu_tokens):
    limits = [10 + 8 * row for row in range(len(prompts))]
    engine = start_overlapping(SAM, threshold=4)
    steps = recorded_steps(engine)
    expected = [tokens[:limit] for tokens, limit in zip(cpu_tokens, limits, strict=True)]
    assert generate(engine, prompts, limits) == expected
    # A step is scheduled before the one ahead of it has ended.
    assert all(before <= 4 for (before, *_), (_, _, room) in pairwise(steps) if room)
    assert draft_counts(engine)[1] > 0


def test_above_the_threshold_no_room_is_scheduled(start_overlapping, prompts, cpu_tokens):
    """Nor does the host wait, or copy, more than without speculation."""
    found = []
    for method, options in (((), {}), ((SAM,), {"threshold": 2})):
        engine = start_overlapping(*method, **options)
        generate(engine, prompts, 2)  # what happens once only
        steps = recorded_steps(engine)
        with counted() as counts:
            assert generate(engine, prompts) == cpu_tokens
        found.append((steps, counts.synchronisations, counts.dispatches["aten::copy_"]))
        assert draft_counts(engine)[0] == 0
    plain, drafting = found
    assert drafting == plain


def test_nothing_beyond_an_answers_end_is_kept(start_overlapping, prompts):
    engine = start_overlapping({**SAM, "sam_history_tokens": 10_000})
    answers = generate(engine, prompts[:4], [20, 30, 41, 52])
    generate(engine, [[1, 2]], 1)  # what has finished is told with the next step
    held = sum(map(len, prompts[:4])) + sum(map(len, answers))
    assert model_runner(engine).drafter.drafter.num_history_tokens == held


def test_an_id_that_is_aborted_and_comes_back(start_overlapping, prompts, cpu_tokens):
    engine = start_overlapping(SAM)
    add_request(engine, "it", prompts[3], 100)
    run(engine, num_steps=20)
    engine.llm_engine.abort_request(["it"])
    add_request(engine, "it", prompts[5], 100)
    assert run(engine) == {"it": cpu_tokens[5]}


def test_requests_that_sit_out_a_step(start_overlapping, prompts, cpu_tokens):
    assert generate_with_pauses(start_overlapping(SAM), prompts, budget=16) == cpu_tokens


def test_penalties(start_overlapping, prompts):
    """They need what was drafted and sampled on the host."""
    options = {"repetition_penalty": 1.3, "frequency_penalty": 0.2}
    plain = generate(start_overlapping(), prompts[:3], **options)
    engine = start_overlapping(SAM)
    assert generate(engine, prompts[:3], **options) == plain
    assert draft_counts(engine)[1] > 0
