"""The steps that run now: what to say of them, and how to end them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import IO

from ci.steps import Step
from testing.registry import ROOT

GRACE_SECONDS = 10.0
STOPPED = 128 + signal.SIGINT


@dataclass(frozen=True)
class Running:
    """A step's process, and when it began on the monotonic clock."""

    step: Step
    process: subprocess.Popen[bytes]
    start: float


class RunningSteps:
    """Processes of steps, which several threads start and one may end.

    For example, while a step runs for five minutes in another thread:

        str(running)    # "types (5 min)"
        running.stop()  # the other thread's `run` returns
    """

    def __init__(self) -> None:
        """Begin without any."""
        self.is_stopped = False
        self._lock = Lock()
        self._found: list[Running] = []

    def run(self, step: Step, options: list[str], output: IO[str]) -> int:
        """Run a step in the root of the tree until it ends, and return its exit code.

        Raises:
            OSError: it cannot start.
        """
        with self._lock:
            if self.is_stopped:
                return STOPPED
            # A process group: what a step starts ends with it.
            process = subprocess.Popen(
                [*step.command, *options],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )
            running = Running(step, process, time.monotonic())
            self._found.append(running)
        code = process.wait()
        with self._lock:
            self._found.remove(running)
        return code

    def stop(self) -> None:
        """Let no step begin any more, and end those that run, after a while by force."""
        with self._lock:
            self.is_stopped = True
            processes = [running.process for running in self._found]
        try:
            signal_groups(processes, signal.SIGTERM)
            deadline = time.monotonic() + GRACE_SECONDS
            for process in processes:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
        finally:  # also where somebody is too impatient to wait
            signal_groups(processes, signal.SIGKILL)

    def __str__(self) -> str:
        """Say which steps run, and for how long."""
        now = time.monotonic()
        with self._lock:
            words = [
                f"{each.step.name} ({(now - each.start) / 60:.0f} min)" for each in self._found
            ]
        return ", ".join(words)


def signal_groups(processes: list[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    """Send a signal to processes and to all that they started."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
