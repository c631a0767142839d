"""Products of matrices."""

import torch

from testing.npu_emulator.operator_library import implements


@implements("atb::_npu_matmul_add_fp32")
def npu_matmul_add_fp32(x: torch.Tensor, weight: torch.Tensor, C: torch.Tensor) -> None:  # noqa: N803
    """Add the product of x [N, A], transposed, and weight [N, B] to C [A, B], in float32."""
    C.addmm_(x.float().T, weight.float())
