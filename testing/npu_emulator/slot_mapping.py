"""A stand-in for the one Triton kernel that a dense model cannot do without in vLLM-Ascend.

Everywhere else there is a way without Triton, which the emulator takes; but its block table
(worker/block_table.py) imports `_compute_slot_mapping_kernel` from vLLM's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import torch

from testing.npu_emulator.device import native

MODULE, KERNEL = "vllm.v1.worker.block_table", "_compute_slot_mapping_kernel"


class SlotMappingKernel:
    """Called like the kernel: `kernel[grid](…)`."""

    def __getitem__(self, grid: tuple[int]) -> Callable[..., None]:
        """The kernel on a grid of one program a request, and one for the padding."""

        def run(
            num_tokens: int,
            max_num_tokens: int,
            query_start_loc: torch.Tensor,
            positions: torch.Tensor,
            block_table: torch.Tensor,
            block_table_stride: int,
            block_size: int,
            slot_mapping: torch.Tensor,
            *,
            TOTAL_CP_WORLD_SIZE: int,  # noqa: N803
            PAD_ID: int,  # noqa: N803
            **others: int,
        ) -> None:
            if TOTAL_CP_WORLD_SIZE != 1:
                raise NotImplementedError("NPU emulator: slot mapping with context parallelism")
            native.count_dispatch(f"triton::{KERNEL}")
            starts, positions, table, slots = map(
                native.host_alias, (query_start_loc, positions, block_table, slot_mapping)
            )
            map_slots(starts[: grid[0]].long(), positions.long(), table.long(), block_size, slots)
            slots[num_tokens:max_num_tokens] = PAD_ID

        return run


def map_slots(
    starts: torch.Tensor,
    positions: torch.Tensor,
    block_table: torch.Tensor,
    block_size: int,
    slots: torch.Tensor,
) -> None:
    """Write the slot of each of T tokens: the place of its position in its request's blocks.

    starts [R + 1] are the places of the requests' first tokens, positions [T'], block_table
    [R', blocks a request] and slots [T''] have room for more.
    """
    end = int(starts[-1])
    requests = torch.repeat_interleave(torch.arange(len(starts) - 1), starts.diff())
    blocks = block_table[requests, positions[:end] // block_size]
    slots[:end] = blocks * block_size + positions[:end] % block_size


class _Loader(Loader):
    """Loads vLLM's module as another loader does, and puts the stand-in into it."""

    def __init__(self, upstream: Loader) -> None:
        self._upstream = upstream

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._upstream.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._upstream.exec_module(module)
        setattr(module, KERNEL, SlotMappingKernel())


class _Finder(MetaPathFinder):
    """Finds vLLM's module like any other."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != MODULE:
            return None
        specification = PathFinder.find_spec(name, path, target)
        if specification and specification.loader:
            specification.loader = _Loader(specification.loader)
        return specification


def install() -> None:
    """Put the stand-in where vLLM's block table has, or will have, the kernel."""
    if MODULE in sys.modules:
        setattr(sys.modules[MODULE], KERNEL, SlotMappingKernel())
    else:
        sys.meta_path.insert(0, _Finder())
