"""How much of the device's memory is in use."""

from __future__ import annotations

from testing.npu_emulator.device import native
from testing.npu_emulator.memory_size import total_memory

TOTAL = total_memory()
native.set_total_memory(TOTAL)


def memory_allocated(device: object = None) -> int:
    """Bytes that tensors hold."""
    return native.allocated_memory()


def memory_reserved(device: object = None) -> int:
    """Bytes that were taken from the device: nothing is kept back for later."""
    return native.allocated_memory()


def max_memory_allocated(device: object = None) -> int:
    """The most bytes that tensors held."""
    return native.peak_memory()


def reset_peak_memory_stats(device: object = None) -> None:
    """Forget what tensors held until now."""
    native.reset_peak_memory()


def memory_stats(device: object = None) -> dict[str, int]:
    """What is in use and was at most, by PyTorch's names."""
    return {
        "allocated_bytes.all.current": native.allocated_memory(),
        "allocated_bytes.all.peak": native.peak_memory(),
    }


def mem_get_info(device: object = None) -> tuple[int, int]:
    """Bytes that are free, and all there are."""
    return TOTAL - native.allocated_memory(), TOTAL


def empty_cache() -> None:
    """Nothing: nothing is kept back."""


class NPUPluggableAllocator:
    """Allocators that somebody else wrote: not emulated."""

    def __init__(self, *arguments: object) -> None:
        """Refuse.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("NPU emulator: pluggable allocators, which sleep mode needs")
