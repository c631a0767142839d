"""The half of the backend that would launch."""

from __future__ import annotations

from typing import NoReturn

import torch
from triton.backends.compiler import GPUTarget
from triton.backends.driver import DriverBase

from testing.interpreted_gpu.triton_backend.compiler import REFUSAL


class InterpretedDriver(DriverBase):
    """Says that the device is the CPU, and launches nothing."""

    @classmethod
    def is_active(cls) -> bool:
        """Say that there is a device."""
        return True

    def get_current_target(self) -> GPUTarget:
        """Return the target: a CPU, 32 lanes a warp."""
        return GPUTarget("cpu", 0, 32)

    def get_active_torch_device(self) -> torch.device:
        """Return where tensors lie."""
        return torch.device("cpu")

    def get_current_device(self) -> int:
        """Return the only device's number."""
        return 0

    def get_current_stream(self, _device: int | None = None) -> int:
        """Return the only stream's number."""
        return 0

    def map_python_to_cpp_type(self, _type: str) -> NoReturn:
        """Refuse: no launcher is compiled.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(REFUSAL)

    def get_benchmarker(self) -> NoReturn:
        """Refuse: the time of interpreted kernels says nothing.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(REFUSAL)
