"""Drafts where GPUs run: greedy tokens are those without speculation.

In every `mode`, those of conftest.py, or in that which is the default.
"""

import pytest
import torch
from transformers import AutoModelForCausalLM
from vllm import SamplingParams
from vllm.lora.request import LoRARequest
from vllm.sampling_params import StructuredOutputsParams
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.interface import PauseState
from vllm.v1.worker.cpu_model_runner import CPUModelRunner

from testing.engine import (
    SAM,
    adapter,
    add_request,
    counters,
    draft_counts,
    generate,
    generate_with_pauses,
    model_runner,
    run,
    scheduler,
)
from testing.engine_fixtures import MAX_MODEL_LEN


def drafter(engine):
    return adapter(engine).drafter


def test_runner_and_scheduling_are_those_without_speculation(start_engine):
    plain, drafting = start_engine(), start_engine(SAM)
    assert type(model_runner(drafting)) is type(model_runner(plain))
    assert type(scheduler(drafting)) is type(scheduler(plain)) is AsyncScheduler


def test_the_first_runner_overlaps_where_it_does_without_speculation(start_engine, first_runner):
    engines = [start_engine(), start_engine(SAM)]
    assert {type(model_runner(engine)) for engine in engines} == {CPUModelRunner}
    assert {type(scheduler(engine)) for engine in engines} == {AsyncScheduler}


def test_tokens_equal_those_without_speculation(start_engine, prompts, cpu_tokens, mode):
    engine = start_engine(SAM, **mode)
    assert generate(engine, prompts) == cpu_tokens
    num_drafted, num_accepted = draft_counts(engine)
    assert num_drafted > num_accepted > 0


def test_one_request_after_the_other(start_engine, prompts, cpu_tokens, mode):
    engine = start_engine(SAM, **mode)
    assert [generate(engine, [prompt])[0] for prompt in prompts[:3]] == cpu_tokens[:3]
    assert draft_counts(engine)[1] > 0


def test_what_no_draft_fills_is_not_computed(start_engine, prompts, cpu_tokens, first_runner):
    """The scheduler leaves room for whole drafts, of which many are shorter or none."""
    engine = start_engine({**SAM, "sam_min_acceptance": 0.5})
    runner, proposer = model_runner(engine), adapter(engine)
    trim, prepare = proposer.trimmed, runner._prepare_inputs
    room, computed = [], []

    def trimming(scheduled):
        room.append(sum(map(len, scheduled.scheduled_spec_decode_tokens.values())))
        return trim(scheduled)

    def preparing(scheduled, num_tokens):
        drafts = scheduled.scheduled_spec_decode_tokens
        computed.append(sum(map(len, drafts.values())))
        assert num_tokens.sum() == scheduled.total_num_scheduled_tokens
        assert all(drafts.values())
        return prepare(scheduled, num_tokens)

    proposer.trimmed, runner._prepare_inputs = trimming, preparing
    assert generate(engine, prompts) == cpu_tokens
    assert 0 < sum(computed) < sum(room)
    assert draft_counts(engine)[1] > 0


def test_requests_that_sit_out_a_step(start_engine, prompts, cpu_tokens, mode):
    engine = start_engine(SAM, **mode)
    assert generate_with_pauses(engine, prompts, budget=8) == cpu_tokens
    assert draft_counts(engine)[1] > 0


def test_one_request_up_to_max_model_len(start_engine, prompts, mode):
    prompt = prompts[0] * 160
    limit = MAX_MODEL_LEN - len(prompt)
    plain = generate(start_engine(**mode), [prompt], limit)
    assert generate(start_engine(SAM, **mode), [prompt], limit) == plain


def test_penalties(start_engine, prompts, mode):
    """They need what was drafted and sampled on the host."""
    options = {"repetition_penalty": 1.3, "frequency_penalty": 0.2}
    plain = generate(start_engine(**mode), prompts[:3], **options)
    engine = start_engine(SAM, **mode)
    assert generate(engine, prompts[:3], **options) == plain
    assert draft_counts(engine)[1] > 0


def test_prompts_given_as_embeddings(start_engine, prompts, target_model, first_runner):
    """No step overlaps where there may be some."""
    model = AutoModelForCausalLM.from_pretrained(target_model)
    embed = model.get_input_embeddings()
    requests = [{"prompt_embeds": embed(torch.tensor(prompt)).detach()} for prompt in prompts[:2]]
    requests.append({"prompt_token_ids": prompts[2]})
    sampling = SamplingParams(temperature=0, max_tokens=60, ignore_eos=True)
    engines = [start_engine(*method, enable_prompt_embeds=True) for method in ((), (SAM,))]
    plain, drafting = [
        [output.outputs[0].token_ids for output in engine.generate(requests, sampling)]
        for engine in engines
    ]
    assert plain == drafting
    assert not isinstance(scheduler(engines[1]), AsyncScheduler)
    assert draft_counts(engines[1])[1] > 0


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


def test_chunked_prefill_and_preemption(start_engine, prompts, cpu_tokens, mode):
    engine = start_engine(
        SAM,
        **mode,
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


def test_requests_up_to_max_model_len(start_engine, prompts, mode):
    batch = [prompts[0] * 160, prompts[1]]
    limits = [MAX_MODEL_LEN - len(batch[0]), 60]
    plain = generate(start_engine(**mode), batch, max_tokens=limits)
    assert len(plain[0]) + len(batch[0]) == MAX_MODEL_LEN
    engine = start_engine(SAM, **mode)
    assert generate(engine, batch, max_tokens=limits) == plain
    assert draft_counts(engine)[1] > 0


def test_nothing_beyond_an_answers_end_is_kept(start_engine, prompts, mode):
    history = {**SAM, "sam_history_tokens": 10_000}
    engine = start_engine(history, **mode)
    answers = generate(engine, prompts[:4], max_tokens=[20, 30, 41, 52])
    generate(engine, [[1, 2]], max_tokens=1)  # what has finished is told with the next step
    held = sum(map(len, prompts[:4])) + sum(map(len, answers))
    assert drafter(engine).num_history_tokens == held


def test_a_history_helps_the_next_epoch(start_engine, prompts, cpu_tokens, mode):
    engine = start_engine({**SAM, "sam_history_tokens": 100_000}, **mode)
    accepted = []
    for _ in range(2):
        assert generate(engine, prompts) == cpu_tokens
        accepted.append(draft_counts(engine)[1])
    assert accepted[1] - accepted[0] > 1.1 * accepted[0]


def test_an_id_that_is_aborted_and_comes_back(start_engine, prompts, cpu_tokens, mode):
    engine = start_engine(SAM, **mode)
    add_request(engine, "it", prompts[3], 100)
    run(engine, num_steps=20)
    engine.llm_engine.abort_request(["it"])
    add_request(engine, "it", prompts[5], 100)
    assert run(engine) == {"it": cpu_tokens[5]}
    generate(engine, [[1, 2]], max_tokens=1)
    assert len(drafter(engine)) <= 1


def test_several_answers_a_prompt(start_engine, prompts, cpu_tokens, mode):
    """Greedy requests have one answer, so the others are cut to the likeliest token."""
    engine = start_engine(SAM, **mode)
    sampling = SamplingParams(n=3, temperature=0.5, top_k=1, max_tokens=100, ignore_eos=True)
    (output,) = engine.generate([{"prompt_token_ids": prompts[2]}], sampling, use_tqdm=False)
    assert [list(each.token_ids) for each in output.outputs] == 3 * [cpu_tokens[2]]
    assert draft_counts(engine)[1] > 0


def test_lora(start_engine, prompts, cpu_tokens, lora_adapter, mode):
    options = {"enable_lora": True, "max_lora_rank": 8, **mode}
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


@pytest.fixture
def grammatical(start_engine, model_with_tokenizer, mode):
    """Starts engines that know grammars; the grammar has no end within the answers."""
    options = {"model": str(model_with_tokenizer), "skip_tokenizer_init": False, **mode}
    grammar = {"structured_outputs": StructuredOutputsParams(regex="([a-d]{3},){50}")}
    return lambda *method: (start_engine(*method, **options), grammar)


def test_grammar(grammatical, prompts):
    engine, grammar = grammatical()
    plain = generate(engine, prompts[:3], **grammar)
    engine, grammar = grammatical(SAM)
    assert generate(engine, prompts[:3], **grammar) == plain
    assert draft_counts(engine)[1] > 0


def test_grammar_of_requests_that_sit_out(grammatical, prompts):
    """By a small budget, and while an engine is paused for new weights."""
    engine, grammar = grammatical()
    plain = generate(engine, prompts[:3], **grammar)
    engine, grammar = grammatical(SAM)
    assert generate_with_pauses(engine, prompts[:3], budget=8, **grammar) == plain
    for name, prompt in enumerate(prompts[:3]):
        add_request(engine, str(name), prompt, 100, **grammar)
    tokens = run(engine, num_steps=6)
    while engine.llm_engine.has_unfinished_requests():
        scheduler(engine).set_pause_state(PauseState.PAUSED_ALL)
        tokens |= run(engine, num_steps=4)
        scheduler(engine).set_pause_state(PauseState.UNPAUSED)
        tokens |= run(engine, num_steps=3)
    assert [tokens[str(name)] for name in range(3)] == plain
    assert draft_counts(engine)[1] > 0
