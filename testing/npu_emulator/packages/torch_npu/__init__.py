"""Stands in for torch_npu: the device `npu` in host memory.

The operators have the schemas of the release that the installed vLLM-Ascend asks for; those without
an implementation in testing/npu_emulator/operators raise NotImplementedError. What runs here was
executed on an emulated device, never tested on Ascend hardware.
"""

import sys

import torch
import torch.distributed as distributed

from testing.npu_emulator import operators, slot_mapping
from testing.npu_emulator.operator_library import names
from testing.npu_emulator.releases import installed_release

from . import npu

torch._register_device_module("npu", npu)
torch.utils.generate_methods_for_privateuse1_backend()
# As `import torch.npu` finds it on hardware.
sys.modules["torch.npu"] = npu

from . import _C, op_plugin, profiler  # noqa: E402

__version__ = f"{installed_release().version}+emulated"
_OPERATORS = {name: space for space in ("npu", "atb") for name in names(space)}

atb = torch.ops.atb
torch.version.cann = None
distributed.is_hccl_available = lambda: True
# One rank needs no more of HCCL than that a group can be made.
distributed.Backend.register_backend(
    "hccl",
    lambda store, rank, size, timeout: distributed.ProcessGroupGloo(store, rank, size, timeout),
    devices=["npu"],
)
slot_mapping.install()


def __getattr__(name: str) -> object:
    if name not in _OPERATORS:
        raise AttributeError(f"the emulated torch_npu has no {name!r}")
    return getattr(getattr(torch.ops, _OPERATORS[name]), name)
