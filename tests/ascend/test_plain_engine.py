"""Upstream's engine on the emulated NPU writes what vLLM writes on the CPU."""

import pytest
import torch
from vllm_ascend.worker.model_runner_v1 import NPUModelRunner

from testing.engine import NGRAM, counters, draft_counts, generate, model_runner


def worker(engine):
    return engine.llm_engine.engine_core.engine_core.model_executor.driver_worker.worker


def scheduled(engine):
    """A list, filled while the engine runs, of how many tokens each request has in a step."""
    runner = model_runner(engine)
    execute = runner.execute_model
    steps = []

    def recording(scheduler_output, *rest, **options):
        steps.append(dict(scheduler_output.num_scheduled_tokens))
        return execute(scheduler_output, *rest, **options)

    runner.execute_model = recording
    return steps


def test_worker_and_runner_are_upstreams(start_engine):
    engine = start_engine()
    assert type(worker(engine)).__qualname__ == "NPUWorker"
    assert type(worker(engine)).__module__.startswith("vllm_ascend.worker.worker")
    assert type(model_runner(engine)) is NPUModelRunner
    devices = {weights.device for weights in model_runner(engine).model.parameters()}
    assert devices == {torch.device("npu:0")}


def test_greedy_tokens_are_the_cpus(start_engine, prompts, cpu_tokens):
    engine = start_engine()
    assert generate(engine, prompts) == cpu_tokens
    for prompt, tokens in list(zip(prompts, cpu_tokens, strict=True))[::4]:
        assert generate(engine, [prompt]) == [tokens]


def test_chunked_prefill(start_engine, prompts, cpu_tokens):
    engine = start_engine(max_num_batched_tokens=64, enable_prefix_caching=False)
    steps = scheduled(engine)
    assert generate(engine, prompts) == cpu_tokens
    assert max(sum(step.values()) for step in steps) == 64
    longest = next(request for step in steps for request in step if request.startswith("11"))
    chunks = [step[longest] for step in steps if step.get(longest, 1) > 1]
    assert len(chunks) > 1
    assert sum(chunks) == len(prompts[11])


def test_preemption(start_engine, prompts, cpu_tokens):
    engine = start_engine(num_gpu_blocks_override=9, enable_prefix_caching=False)
    assert generate(engine, prompts) == cpu_tokens
    assert counters(engine)["vllm:num_preemptions"] > 0


@pytest.mark.parametrize("options", [{}, {"max_num_batched_tokens": 64}], ids=["whole", "chunked"])
def test_drafts_of_ngram_are_verified(start_engine, prompts, cpu_tokens, options):
    engine = start_engine(NGRAM, **options)
    assert generate(engine, prompts) == cpu_tokens
    num_drafted, num_accepted = draft_counts(engine)
    assert num_drafted >= num_accepted > 0


def test_bfloat16(start_engine, prompts):
    engine = start_engine(dtype="bfloat16")
    weights = model_runner(engine).model.parameters()
    assert {parameter.dtype for parameter in weights} == {torch.bfloat16}
    assert generate(engine, prompts[:4]) == generate(engine, prompts[:4])


@pytest.mark.parametrize("speculation", [None, NGRAM], ids=["none", "ngram"])
def test_seeded_requests_reproduce(start_engine, prompts, speculation):
    engine = start_engine(speculation)
    sampling = {"temperature": 1.0, "top_p": 0.9, "top_k": 20, "max_tokens": 40}
    first, again = (generate(engine, prompts[:4], seed=7, **sampling) for _ in range(2))
    assert first == again
    assert first != generate(engine, prompts[:4], seed=8, **sampling)
