"""The functions of the rejection sampler: as installed, and as upstream wrote them."""

import torch
from vllm_ascend.sample import rejection_sampler as ours

from testing.upstream_functions import upstream_functions
from tests.ascend.stacks import STACK

__all__ = ["DEVICE", "ours", "upstream"]

DEVICE = torch.device("npu:0")
upstream = upstream_functions(
    STACK, "vllm_ascend", "vllm_ascend/sample/rejection_sampler.py", vars(ours)
)
