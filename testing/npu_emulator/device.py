"""PyTorch's device `npu`, from the moment that this module is imported."""

from __future__ import annotations

import torch

from testing.npu_emulator import native_library

torch.utils.rename_privateuse1_backend("npu")
native = native_library.load()
