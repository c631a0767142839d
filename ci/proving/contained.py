"""A command whose processes all end with it, those included that left its process group.

Ray's workers do that, and an engine that hangs outlives the test that started it. Needs Linux.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
ENDING = (signal.SIGINT, signal.SIGTERM)
SECONDS_BETWEEN_LOOKS = 0.2


def run_contained(
    command: Sequence[str], folder: Path, variables: Mapping[str, str], limit: float
) -> int | None:
    """Run a command, and end all that is left of it; its output goes to standard error.

    Args:
        command: The command line.
        folder: Where it runs.
        variables: What its environment has beside this process's.
        limit: The seconds after which it is ended.

    Returns:
        The exit code, None where the limit was reached.

    Raises:
        OSError: it cannot start.
        KeyboardInterrupt: a signal came that is to end this process.
    """
    adopt_orphans()
    others = frozenset(children(os.getpid()))
    with held_back() as signals:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            process_group=0,
        )
        try:
            return _waited_for(process, others, signals, time.monotonic() + limit)
        finally:
            end_children(others)


@contextmanager
def held_back() -> Iterator[list[int]]:
    """Collect the signals that are to end this process, and raise `KeyboardInterrupt` afterwards.

    An exception in between, and be it of the second signal, would leave processes behind.
    """
    came: list[int] = []
    handlers = {each: signal.signal(each, lambda it, _: came.append(it)) for each in ENDING}
    try:
        yield came
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
    if came:
        raise KeyboardInterrupt


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent has ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _waited_for(
    process: subprocess.Popen[bytes],
    others: Collection[int],
    signals: Collection[int],
    deadline: float,
) -> int | None:
    """Return a process's exit code, None where the deadline passed; lay orphans to rest.

    Where a signal comes meanwhile, it is None too.
    """
    while (code := process.poll()) is None and time.monotonic() < deadline and not signals:
        for child in children(os.getpid()):
            if child != process.pid and child not in others:
                with suppress(ChildProcessError):
                    os.waitpid(child, os.WNOHANG)
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return code


def end_children(others: Collection[int]) -> None:
    """End this process's children and all that they started, but for the others."""
    while found := [child for child in children(os.getpid()) if child not in others]:
        for child in found:
            for process in (child, *descendants(child)):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        for child in found:
            with suppress(ChildProcessError):
                os.waitpid(child, 0)


def descendants(process: int) -> Iterator[int]:
    """Yield the processes that a process started, and that those did."""
    for child in children(process):
        yield child
        yield from descendants(child)


def children(process: int) -> list[int]:
    """Return the processes whose parent a process is, those included that have ended."""
    return [child for child, parent in _parents() if parent == process]


def _parents() -> Iterator[tuple[int, int]]:
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            # The name before may hold spaces and brackets.
            yield int(file.parent.name), int(file.read_text().rpartition(")")[2].split()[1])
