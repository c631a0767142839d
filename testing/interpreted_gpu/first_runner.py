"""vLLM's first model runner on a CPU, with the code by which its steps overlap on a GPU."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from vllm.v1.worker import cpu_model_runner

# What the runner of CPUs does without streams, and not as its base class does it; not in every
# release (vllm/v1/worker/cpu_model_runner.py).
WITHOUT_STREAMS = {
    "_copy_draft_token_ids_to_cpu",
    "_get_draft_token_ids_cpu",
    "_copy_valid_sampled_token_count",
    "_get_valid_sampled_token_count",
}


def use_first_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let engines of this process take the first runner, and run what it runs on a GPU.

    Streams and events are the stand-ins that vllm/v1/worker/cpu/shm.py has put into PyTorch.
    """
    monkeypatch.setenv("VLLM_USE_V2_MODEL_RUNNER", "0")
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: stream)
    monkeypatch.setattr(cpu_model_runner, "_torch_cuda_wrapper", nullcontext)
    runner = cpu_model_runner.CPUModelRunner
    for name in vars(runner).keys() & WITHOUT_STREAMS:
        monkeypatch.delattr(runner, name)
