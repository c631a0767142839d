"""Upstream's engine on the interpreted GPU writes what vLLM writes on the CPU."""

import pytest
from vllm.v1.core.sched.async_scheduler import AsyncScheduler

from testing.engine import counters, generate, model_runner, scheduler


def test_an_engine_is_what_it_would_be_on_a_gpu(start_engine):
    engine = start_engine()
    assert "vllm.v1.worker.gpu.model_runner" in {
        each.__module__ for each in type(model_runner(engine)).__mro__
    }
    assert isinstance(scheduler(engine), AsyncScheduler)


@pytest.mark.parametrize("asynchronous", [True, False])
def test_greedy_tokens_are_the_cpus(start_engine, prompts, cpu_tokens, asynchronous):
    engine = start_engine(async_scheduling=asynchronous)
    assert isinstance(scheduler(engine), AsyncScheduler) == asynchronous
    assert generate(engine, prompts) == cpu_tokens


def test_chunked_prefill_and_preemption(start_engine, prompts, cpu_tokens):
    engine = start_engine(
        max_num_batched_tokens=64,
        num_gpu_blocks_override=5,
        block_size=128,
        enable_prefix_caching=False,
    )
    assert generate(engine, prompts) == cpu_tokens
    assert counters(engine)["vllm:num_preemptions"] > 0
