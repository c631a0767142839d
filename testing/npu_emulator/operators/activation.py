"""Activations."""

import torch

from testing.npu_emulator.operator_library import implements


@implements("npu::npu_swiglu")
def npu_swiglu(input: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Return the first half of `input` along `dim` through SiLU, times the second half."""
    gate, value = input.chunk(2, dim)
    return torch.nn.functional.silu(gate) * value
