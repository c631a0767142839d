"""Upstream's engine on the emulated NPU writes what vLLM writes on the CPU."""

import torch
from vllm_ascend.worker.model_runner_v1 import NPUModelRunner

from testing.engine import generate, model_runner


def test_the_engine_is_upstreams(start_engine, ascend_version):
    engine = start_engine()
    worker = engine.llm_engine.engine_core.engine_core.model_executor.driver_worker.worker
    runner = model_runner(engine)
    assert type(worker).__name__ == "NPUWorker"
    assert type(worker).__module__.startswith("vllm_ascend.worker.worker")
    assert type(runner) is NPUModelRunner
    assert {parameter.device for parameter in runner.model.parameters()} == {torch.device("npu:0")}


def test_greedy_tokens_are_the_cpus(start_engine, prompts, cpu_tokens):
    engine = start_engine()
    assert generate(engine, prompts) == cpu_tokens
    assert [generate(engine, [prompt])[0] for prompt in prompts[:3]] == cpu_tokens[:3]
