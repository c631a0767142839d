"""Streams and events. Work is done when it is asked for; to wait for it is counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from testing.npu_emulator.device import native


def synchronize(device: object = None) -> None:
    """Wait for the device."""
    native.count_synchronisation("synchronize")


class Stream:
    """An order of work."""

    def __init__(self, device: object = None, priority: int = 0) -> None:
        """Make another one."""
        self.device = torch.device("npu:0")
        self.npu_stream = id(self)

    def synchronize(self) -> None:
        """Wait for its work."""
        synchronize()

    def query(self) -> bool:
        """Say whether its work is done."""
        return True

    def wait_stream(self, stream: Stream) -> None:
        """Let its work wait for another stream's."""

    def wait_event(self, event: Event) -> None:
        """Let its work wait for an event."""

    def record_event(self, event: Event | None = None) -> Event:
        """Record an event after its work."""
        event = event or Event()
        event.record(self)
        return event

    def __enter__(self) -> Stream:
        """Make it the current one."""
        return self

    def __exit__(self, *error: object) -> None:
        """Go back."""


class Event:
    """A moment between works."""

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        """Make one that was not recorded."""
        self._moment = 0.0

    def record(self, stream: Stream | None = None) -> None:
        """Be now."""
        self._moment = time.perf_counter()

    def synchronize(self) -> None:
        """Wait for it."""
        synchronize()

    def query(self) -> bool:
        """Say whether it came."""
        return True

    def wait(self, stream: Stream | None = None) -> None:
        """Let a stream's work wait for it."""

    def elapsed_time(self, end: Event) -> float:
        """Milliseconds from this event to another."""
        return (end._moment - self._moment) * 1e3


class ExternalEvent:
    """An event that tasks in a graph wait for: not emulated."""

    def __init__(self) -> None:
        """Refuse.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("NPU emulator: events in graphs; use enforce_eager=True")


_DEFAULT = Stream()


def current_stream(device: object = None) -> Stream:
    """The default stream, whatever stream was set: all run in one order."""
    return _DEFAULT


default_stream = current_stream


def set_stream(stream: Stream) -> None:
    """Nothing: all streams run in one order."""


@contextmanager
def stream(chosen: Stream | None) -> Iterator[Stream | None]:
    """A context in which work goes to a stream."""
    yield chosen
