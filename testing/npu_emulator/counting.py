"""What a piece of code costs on the device: kernels that are started, and waits of the host.

These, not CPU time, are what an NPU's time depends on while its operands are small. The reasons of
synchronisations are

| reason | for example |
| --- | --- |
| `copy to host` | `tensor.cpu()`, `tensor.tolist()`, `host.copy_(tensor)` |
| `copy to device` | `torch.tensor([1], device="npu")`, `host.npu()`, an index on the host |
| `scalar read` | `tensor.item()`, `bool(tensor)`, `int(tensor)`, `torch.equal` |
| `nonzero` | `tensor.nonzero()`, `torch.where(condition)` |
| `boolean mask index` | `tensor[mask]` |
| `boolean mask store` | `tensor[mask] = value` |
| `masked_select`, `unique`, `bincount` | the functions of these names |
| `repeat_interleave` | repeats in a tensor, without `output_size` |
| `synchronize` | `stream.synchronize()`, `event.synchronize()`, `torch.npu.synchronize()` |

Copies with `non_blocking=True` do not wait. A view starts no kernel, and neither does the
allocation of memory. Operators that PyTorch composes of others count as those: torch_npu has
kernels of its own for some of them, so that the real device may need fewer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from testing.npu_emulator.device import native


@dataclass
class Counts:
    """What was counted: how often each operator was dispatched, and why the host waited."""

    dispatches: Counter[str] = field(default_factory=Counter)
    synchronisations: Counter[str] = field(default_factory=Counter)


@contextmanager
def counted() -> Iterator[Counts]:
    """Count what runs in the block, on any thread; the counts are there when it ends."""
    counts = Counts()
    dispatches, synchronisations = Counter(native.dispatches()), Counter(native.synchronisations())
    try:
        yield counts
    finally:
        counts.dispatches = Counter(native.dispatches()) - dispatches
        counts.synchronisations = Counter(native.synchronisations()) - synchronisations
