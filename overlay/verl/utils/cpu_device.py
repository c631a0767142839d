"""The device namespace of a machine without an accelerator: what verl asks of torch.cuda.

verl takes `torch.cpu` there, which lacks most of it. Nothing here is used where there is an
accelerator (verl/utils/device.py).
"""

from torch import get_rng_state, manual_seed, set_rng_state
from torch.cpu import (
    current_device,
    current_stream,
    device_count,
    is_available,
    set_device,
    stream,
    synchronize,
)

__all__ = [
    "current_device",
    "current_stream",
    "device_count",
    "empty_cache",
    "get_device_name",
    "get_rng_state",
    "is_available",
    "manual_seed",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "set_device",
    "set_rng_state",
    "stream",
    "synchronize",
]


def empty_cache() -> None:
    """Do nothing: host memory is not cached."""


def reset_peak_memory_stats() -> None:
    """Do nothing: host memory is not counted."""


def memory_allocated() -> int:
    """Return 0: host memory is not counted."""
    return 0


memory_reserved = max_memory_allocated = max_memory_reserved = memory_allocated


def mem_get_info() -> tuple[int, int]:
    """Return 0 bytes free of 0: host memory is not counted."""
    return 0, 0


def get_device_name() -> str:
    """Return the name of the device."""
    return "cpu"
