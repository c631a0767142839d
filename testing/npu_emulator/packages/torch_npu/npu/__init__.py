"""What is known as `torch.npu`: one device, whose work is done when it is asked for."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from . import memory
from .graphs import (
    NPUGraph,
    graph,
    graph_pool_handle,
    graph_task_group_begin,
    graph_task_group_end,
    graph_task_update_begin,
    graph_task_update_end,
)
from .memory import (
    empty_cache,
    max_memory_allocated,
    mem_get_info,
    memory_allocated,
    memory_reserved,
    memory_stats,
    reset_peak_memory_stats,
)
from .random import default_generators, get_rng_state, manual_seed, manual_seed_all, set_rng_state
from .streams import (
    Event,
    ExternalEvent,
    Stream,
    current_stream,
    default_stream,
    set_stream,
    stream,
    synchronize,
)

config = SimpleNamespace(allow_internal_format=False)


class device:  # noqa: N801
    """A context in which a device is the current one; there is only one."""

    def __init__(self, device: object = None) -> None:
        """Choose the device."""

    def __enter__(self) -> device:
        """Enter."""
        return self

    def __exit__(self, *error: object) -> None:
        """Leave."""


def init() -> None:
    """Nothing: the device is there from the import on."""


_lazy_init = init


def is_available() -> bool:
    """Yes."""
    return True


def is_initialized() -> bool:
    """Yes."""
    return True


def _is_in_bad_fork() -> bool:
    return False


def device_count() -> int:
    """One."""
    return 1


def current_device() -> int:
    """The only one."""
    return 0


def set_device(device: object) -> None:
    """Choose the only device."""


def get_device_name(device: object = None) -> str:
    """The name of a device that vLLM-Ascend knows."""
    return "Ascend910B3"


def get_device_properties(device: object = None) -> SimpleNamespace:
    """Name, memory and cores; the numbers of cores are those of the device of that name."""
    return SimpleNamespace(
        name=get_device_name(),
        total_memory=memory.TOTAL,
        multi_processor_count=20,
        cube_core_num=20,
        vector_core_num=40,
    )


def get_soc_version() -> int:
    """The number of the device of that name."""
    return 223


def get_amp_supported_dtype() -> list[torch.dtype]:
    """Types of mixed precision."""
    return [torch.float16, torch.bfloat16]


def is_current_stream_capturing() -> bool:
    """No: there are no graphs."""
    return False


def set_compile_mode(jit_compile: bool = False) -> None:
    """Nothing: kernels are there when they are asked for."""
