"""What each of vLLM's processes does before it makes an engine; vLLM finds it as a plugin."""

from __future__ import annotations

from typing import Any

import torch
from vllm.config import VllmConfig
from vllm.platforms import current_platform
from vllm.v1.sample.ops import topk_topp_sampler
from vllm.v1.worker.cpu import shm

from testing.interpreted_gpu import interpreter


def register() -> None:
    """Mend the interpreter, let streams be nothing, and schedule as an engine of a GPU does."""
    interpreter.mend()
    pretend_streams()
    sample_with_torch()
    keep_scheduling()


def pretend_streams() -> None:
    """Accept what says how the memory of a device is used; vLLM's CPU build lacks these three.

    Its stand-ins for streams, events and pinned memory are in vllm/v1/worker/cpu/shm.py. Grammars
    pin memory as they make it (vllm/v1/worker/gpu/structured_outputs.py), drafts beside them tell
    which stream reads them (vllm/v1/worker/gpu/spec_decode/utils.py), and who does not want to wait
    asks whether a copy is complete, which it always is.
    """
    make = torch.tensor

    def tensor(*values: Any, **options: Any) -> torch.Tensor:
        return make(*values, **options | {"pin_memory": False})

    torch.tensor = tensor
    torch.Tensor.record_stream = lambda _values, _stream: None
    shm._EventPlaceholder.query = lambda _event: True


def sample_with_torch() -> None:
    """Cut top-k and top-p with PyTorch's operations, as vLLM does where Triton is missing.

    The kernel asks for the type of what the interpreter keeps as a number of Python's
    (vllm/v1/sample/ops/topk_topp_triton.py).
    """

    def apply(logits: torch.Tensor, k: torch.Tensor | None, p: torch.Tensor | None) -> torch.Tensor:
        return topk_topp_sampler.apply_top_k_top_p_pytorch(logits, k, p, allow_cpu_sync=True)

    topk_topp_sampler.apply_top_k_top_p_triton = apply


def keep_scheduling() -> None:
    """Let an engine schedule asynchronously where it would on a GPU.

    The platform of CPUs switches that off once vLLM has decided it (vllm/platforms/cpu.py).
    """
    platform = type(current_platform)
    check = platform.check_and_update_config.__func__

    @classmethod  # type: ignore[misc]
    def check_and_update_config(cls: type, config: VllmConfig) -> None:
        decided = config.scheduler_config.async_scheduling
        check(cls, config)
        config.scheduler_config.async_scheduling = decided

    platform.check_and_update_config = check_and_update_config
