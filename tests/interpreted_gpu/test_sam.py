"""Drafts in the second model runner: greedy tokens are those without speculation."""

import pytest
from vllm import SamplingParams
from vllm.lora.request import LoRARequest
from vllm.sampling_params import StructuredOutputsParams
from vllm.v1.core.sched.async_scheduler import AsyncScheduler

from testing.engine import (
    SAM,
    add_request,
    counters,
    draft_counts,
    generate,
    model_runner,
    run,
)
from testing.engine_fixtures import MAX_MODEL_LEN

MODES = pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])


def scheduler(engine):
    return engine.llm_engine.engine_core.engine_core.scheduler


def drafter(engine):
    return model_runner(engine).speculator.drafter


def test_runner_and_scheduling_are_those_without_speculation(start_engine):
    plain, drafting = start_engine(), start_engine(SAM)
    assert type(model_runner(drafting)) is type(model_runner(plain))
    assert type(scheduler(drafting)) is type(scheduler(plain)) is AsyncScheduler


@MODES
def test_tokens_equal_those_without_speculation(start_engine, prompts, cpu_tokens, asynchronous):
    engine = start_engine(SAM, async_scheduling=asynchronous)
    assert generate(engine, prompts) == cpu_tokens
    num_drafted, num_accepted = draft_counts(engine)
    assert num_drafted > num_accepted > 0


def test_drafts_of_their_own_length_are_verified_where_steps_do_not_overlap(start_engine, prompts):
    lengths = set()
    engine = start_engine(SAM, async_scheduling=False)
    update = scheduler(engine).update_draft_token_ids

    def recording(drafts):
        lengths.update(map(len, drafts.draft_token_ids))
        update(drafts)

    scheduler(engine).update_draft_token_ids = recording
    generate(engine, prompts[:3])
    assert {0, 3} <= lengths


@MODES
def test_chunked_prefill_and_preemption(start_engine, prompts, cpu_tokens, asynchronous):
    engine = start_engine(
        SAM,
        async_scheduling=asynchronous,
        max_num_batched_tokens=64,
        num_gpu_blocks_override=5,
        block_size=128,
        enable_prefix_caching=False,
    )
    assert generate(engine, prompts) == cpu_tokens
    assert counters(engine)["vllm:num_preemptions"] > 0
    assert draft_counts(engine)[1] > 0


def test_a_step_of_an_incomplete_prompt_does_not_draft(start_engine, prompts):
    """So it does not wait for the device."""
    engine = start_engine(SAM, max_num_batched_tokens=64, enable_prefix_caching=False)
    speculator = model_runner(engine).speculator
    ask, answers = speculator.drafts, []

    def asking(*step):
        answers.append(ask(*step))
        return answers[-1]

    speculator.drafts = asking
    generate(engine, [prompts[-1]], max_tokens=10)
    num_chunks = -(-len(prompts[-1]) // 64)
    assert num_chunks > 2
    assert answers[:num_chunks] == [False] * (num_chunks - 1) + [True]


@MODES
def test_requests_up_to_max_model_len(start_engine, prompts, asynchronous):
    batch = [prompts[0] * 160, prompts[1]]
    limits = [MAX_MODEL_LEN - len(batch[0]), 60]
    options = {"async_scheduling": asynchronous}
    plain = generate(start_engine(**options), batch, max_tokens=limits)
    assert len(plain[0]) + len(batch[0]) == MAX_MODEL_LEN
    engine = start_engine(SAM, **options)
    assert generate(engine, batch, max_tokens=limits) == plain
    assert draft_counts(engine)[1] > 0


@MODES
def test_nothing_beyond_an_answers_end_is_kept(start_engine, prompts, asynchronous):
    history = {**SAM, "sam_history_tokens": 10_000}
    engine = start_engine(history, async_scheduling=asynchronous)
    answers = generate(engine, prompts[:4], max_tokens=[20, 30, 41, 52])
    generate(engine, [[1, 2]], max_tokens=1)  # what has finished is told with the next step
    held = sum(map(len, prompts[:4])) + sum(map(len, answers))
    assert drafter(engine).num_history_tokens == held


def test_a_history_helps_the_next_epoch(start_engine, prompts, cpu_tokens):
    engine = start_engine({**SAM, "sam_history_tokens": 100_000})
    accepted = []
    for _ in range(2):
        assert generate(engine, prompts) == cpu_tokens
        accepted.append(draft_counts(engine)[1])
    assert accepted[1] - accepted[0] > 1.1 * accepted[0]


@MODES
def test_an_id_that_is_aborted_and_comes_back(start_engine, prompts, cpu_tokens, asynchronous):
    engine = start_engine(SAM, async_scheduling=asynchronous)
    add_request(engine, "it", prompts[3], 100)
    run(engine, num_steps=20)
    engine.llm_engine.abort_request(["it"])
    add_request(engine, "it", prompts[5], 100)
    assert run(engine) == {"it": cpu_tokens[5]}
    generate(engine, [[1, 2]], max_tokens=1)
    assert len(drafter(engine)) <= 1


def test_several_answers_a_prompt(start_engine, prompts, cpu_tokens):
    """Greedy requests have one answer, so the others are cut to the likeliest token."""
    engine = start_engine(SAM)
    sampling = SamplingParams(n=3, temperature=0.5, top_k=1, max_tokens=100, ignore_eos=True)
    (output,) = engine.generate([{"prompt_token_ids": prompts[2]}], sampling, use_tqdm=False)
    assert [list(each.token_ids) for each in output.outputs] == 3 * [cpu_tokens[2]]
    assert draft_counts(engine)[1] > 0


def test_lora(start_engine, prompts, cpu_tokens, lora_adapter):
    options = {"enable_lora": True, "max_lora_rank": 8}
    adapters = [LoRARequest("adapter", 1, str(lora_adapter))] * len(prompts)
    plain = generate(start_engine(**options), prompts, lora_requests=adapters)
    assert all(tokens != base for tokens, base in zip(plain, cpu_tokens, strict=True))
    engine = start_engine(SAM, **options)
    assert generate(engine, prompts, lora_requests=adapters) == plain
    assert draft_counts(engine)[1] > 0


def test_a_grammar_sees_what_drafts_are_filled_up_with(start_engine, prompts, model_with_tokenizer):
    """Hardly a draft is likely enough here, and the last token again is often what comes."""
    options = {"model": str(model_with_tokenizer), "skip_tokenizer_init": False}
    grammar = {"structured_outputs": StructuredOutputsParams(regex="(aaa,){30}")}
    plain = generate(start_engine(**options), prompts[:2], **grammar)
    engine = start_engine({**SAM, "sam_min_acceptance": 0.99}, **options)
    assert generate(engine, prompts[:2], **grammar) == plain


@MODES
def test_grammar(start_engine, prompts, model_with_tokenizer, asynchronous):
    options = {
        "model": str(model_with_tokenizer),
        "skip_tokenizer_init": False,
        "async_scheduling": asynchronous,
    }
    # No request comes to the end of this one.
    grammar = {"structured_outputs": StructuredOutputsParams(regex="([a-d]{3},){50}")}
    plain = generate(start_engine(**options), prompts[:3], **grammar)
    engine = start_engine(SAM, **options)
    assert generate(engine, prompts[:3], **grammar) == plain
    assert draft_counts(engine)[1] > 0


def test_two_ranks_of_processes_of_their_own(start_engine, prompts, splittable_model):
    plain = generate(start_engine(model=str(splittable_model)), prompts[:4])
    ranks = {"in_process": False, "tensor_parallel_size": 2}
    engine = start_engine(SAM, model=str(splittable_model), **ranks)
    assert generate(engine, prompts[:4]) == plain
    assert draft_counts(engine)[1] > 0
