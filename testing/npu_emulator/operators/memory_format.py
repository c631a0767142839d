"""Formats in which an NPU keeps a matrix; here there is one."""

import torch

from testing.npu_emulator.operator_library import implements

ACL_FORMAT_ND = 2


@implements("npu::npu_format_cast")
def npu_format_cast(
    input: torch.Tensor,
    acl_format: int,
    customize_dtype: int | None = None,
    input_dtype: int | None = None,
) -> torch.Tensor:
    """Return a copy in another format: the same numbers in the same places."""
    return input.clone()


@implements("npu::get_npu_format")
def get_npu_format(input: torch.Tensor) -> int:
    """Return the number of the format."""
    return ACL_FORMAT_ND
