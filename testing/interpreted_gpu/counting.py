"""How often a step copies, and how often the host waits for the device, on the interpreted GPU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode
from vllm.v1.worker.cpu import shm

COPIES = ("aten::copy_", "aten::_to_copy")


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the waits for events and, on this thread, the copies that run in the block.

    Events that were made before do not count.
    """
    counts: Counter[str] = Counter()
    with _CountedCopies(counts), _counted_waits(counts):
        yield counts


class _CountedCopies(TorchDispatchMode):
    """Counts operators that copy."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()
        self._counts = counts

    def __torch_dispatch__(
        self,
        function: Any,
        types: Sequence[type],
        arguments: Sequence[Any] = (),
        options: Mapping[str, Any] | None = None,
    ) -> Any:
        """Count an operator, and run it."""
        name = function._schema.name
        if name in COPIES:
            self._counts[name] += 1
        return function(*arguments, **(options or {}))


@contextmanager
def _counted_waits(counts: Counter[str]) -> Iterator[None]:
    """Let each event that is made in the block count who waits for it."""
    events = shm._EventPlaceholder
    make: Callable[..., None] = events.__init__

    def wait() -> None:
        counts["waits"] += 1

    def making(event: Any, *arguments: object, **options: object) -> None:
        make(event, *arguments, **options)
        event.synchronize = wait

    events.__init__ = making
    try:
        yield
    finally:
        events.__init__ = make
