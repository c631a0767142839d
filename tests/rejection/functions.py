"""The functions of the rejection sampler: as installed, and as upstream wrote them."""

import torch
from vllm_ascend.sample import rejection_sampler as ours

from testing.registry import installed_stack
from testing.upstream_functions import upstream_functions

__all__ = ["DEVICE", "ours", "upstream"]

DEVICE = torch.device("npu:0")
upstream = upstream_functions(
    installed_stack().name,
    "vllm_ascend",
    "vllm_ascend/sample/rejection_sampler.py",
    vars(ours),
)
