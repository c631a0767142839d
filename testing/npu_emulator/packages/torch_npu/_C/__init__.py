"""Names of torch_npu's native module that vLLM-Ascend asks for."""

from __future__ import annotations

import torch

from torch_npu.npu import get_soc_version as _npu_get_soc_version
from torch_npu.npu import init as _npu_init

from . import _distributed_c10d


class _NPUTaskGroupHandle:
    """A group of tasks in a graph: never made, since graphs are not captured."""


def _weak_ref_tensor(tensor: torch.Tensor) -> torch.Tensor:
    return tensor
