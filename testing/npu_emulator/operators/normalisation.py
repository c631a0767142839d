"""Normalisation by the root of the mean square."""

import torch

from testing.npu_emulator.operator_library import implements


@implements("npu::npu_rms_norm")
def npu_rms_norm(
    input: torch.Tensor, gamma: torch.Tensor, epsilon: float = 1e-6
) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalise each row of [..., N] and scale it by gamma [N]; also the factors [..., 1]."""
    wide = input.float()
    factors = torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon)
    return (wide * factors * gamma.float()).to(input.dtype), factors


@implements("npu::npu_add_rms_norm")
def npu_add_rms_norm(
    x1: torch.Tensor, x2: torch.Tensor, gamma: torch.Tensor, epsilon: float = 1e-6
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Normalise x1 + x2, both [..., N]; also the factors [..., 1] and the sum."""
    total = x1 + x2
    normalised, factors = npu_rms_norm(total, gamma, epsilon)
    return normalised, factors, total
