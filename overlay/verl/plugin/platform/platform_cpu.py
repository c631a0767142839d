"""verl's platform for a machine without an accelerator: for tests and small experiments.

Chosen by `VERL_PLATFORM=cpu`, never detected: a driver may run on a node without an accelerator and
head nodes that have some.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch
from verl.plugin.platform.platform_base import PlatformBase
from verl.plugin.platform.platform_manager import PlatformRegistry
from verl.utils import cpu_device


@PlatformRegistry.register(platform="cpu")
class PlatformCPU(PlatformBase):
    """The host as a device: one a process, gloo between processes, nothing shared by handle.

    Example:
        >>> PlatformCPU().current_device()
        'cpu'
    """

    device_name = "cpu"
    vendor_name = "cpu"

    @property
    def device_module(self) -> ModuleType:
        """What stands for torch.cuda."""
        return cpu_device

    def is_available(self) -> bool:
        """Say that it is there."""
        return True

    def is_platform_available(self, use_smi_check: bool = False) -> bool:  # noqa: ARG002
        """Say no: it must be asked for."""
        return False

    def current_device(self) -> str:
        """Name where tensors go: torch takes no index for the host."""
        return "cpu"

    def device_count(self) -> int:
        """Return 1."""
        return 1

    def set_device(self, device_index: int) -> None:
        """Do nothing."""

    def synchronize(self, device_index: int | None = None) -> None:
        """Do nothing: the host is in step with itself."""

    def manual_seed(self, seed: int) -> None:
        """Seed torch's generator."""
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        """Seed torch's generator."""
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None:
        """Do nothing."""

    def empty_cache(self) -> None:
        """Do nothing: host memory is not cached."""

    def get_device_capability(self, device_index: int = 0) -> tuple[None, None]:  # noqa: ARG002
        """Return none: the host has none."""
        return None, None

    def communication_backend_name(self) -> str:
        """Name gloo."""
        return "gloo"

    def visible_devices_envvar(self) -> str:
        """Name the variable that Ray sets for the resource below."""
        return "CUDA_VISIBLE_DEVICES"

    @contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:  # noqa: ARG002
        """Mark nothing."""
        yield

    def profiler_start(self) -> None:
        """Do nothing."""

    def profiler_stop(self) -> None:
        """Do nothing."""

    def ray_resource_name(self) -> str:
        """Name what ranks are counted by; `ray_kwargs.ray_init.num_gpus` declares it."""
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        """Name none."""
        return []

    def is_ipc_supported(self) -> bool:
        """Say no: weights go to the rollout through shared memory."""
        return False

    def cudart(self) -> Any:
        """Return none: there is no CUDA runtime."""
        return None
