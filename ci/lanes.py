"""Runs the steps of several lanes at the same time, and prints each step's output as a whole."""

from __future__ import annotations

import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock

from ci.outcomes import read_outcomes
from ci.steps import Step
from testing.registry import ROOT

_printing = Lock()


@dataclass(frozen=True)
class Result:
    """How a step ended: its exit code, its tests by outcome, and seconds of wall clock.

    A step without tests counts as one. For example
    `Result("style", 0, Counter(passed=1), 2.0).says` is `1 passed, 0 failed`.
    """

    name: str
    exit_code: int
    counts: Counter[str]
    seconds: float

    @property
    def says(self) -> str:
        """The counts in words."""
        return in_words(self.counts)


def in_words(counts: Counter[str]) -> str:
    """Say how many tests went how."""
    words = f"{counts['passed']} passed, {counts['failed']} failed"
    return f"{words}, {counts['skipped']} skipped" if counts["skipped"] else words


def run_lanes(lanes: Sequence[Sequence[Step]]) -> list[Result]:
    """Run every step, also after one that fails.

    Raises:
        KeyboardInterrupt: somebody stopped it; no step begins any more.
    """
    stopped = Event()
    with ThreadPoolExecutor(len(lanes)) as pool:
        try:
            found = pool.map(lambda lane: run_lane(lane, stopped), lanes)
            return [result for results in found for result in results]
        except KeyboardInterrupt:
            stopped.set()
            raise


def run_lane(steps: Sequence[Step], stopped: Event) -> list[Result]:
    """Run steps one after the other until the lanes are stopped."""
    return [run_step(step) for step in steps if not stopped.is_set()]


def run_step(step: Step) -> Result:
    """Run a step in the root of the tree, and print what it printed."""
    say(f"== {step.name} begins")
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as output:
        tests = Path(folder) / "tests.xml"
        options = [f"--junitxml={tests}"] if "pytest" in step.command else []
        done = subprocess.run(
            [*step.command, *options], cwd=ROOT, stdout=output, stderr=output, check=False
        )
        seconds = time.monotonic() - start
        result = Result(step.name, done.returncode, counted(tests, done.returncode), seconds)
        output.seek(0)
        said = output.read()
    code = f", exit code {result.exit_code}" if result.exit_code else ""
    say(f"== {step.name}\n{said}== {step.name}: {result.says}{code}, {seconds:.0f} s")
    return result


def counted(tests: Path, exit_code: int) -> Counter[str]:
    """Return a step's tests by outcome; a fault beside them, or none at all, counts as one more."""
    counts = Counter[str]()
    with suppress(OSError, ElementTree.ParseError):
        counts.update(read_outcomes(tests).values())
    if exit_code and not counts["failed"]:
        counts["failed"] = 1
    return counts or Counter(passed=1)


def say(text: str) -> None:
    """Print a text that no other lane's interrupts."""
    with _printing:
        print(text, flush=True)
