"""Runs the steps of several lanes at the same time, and prints each step's output as a whole."""

from __future__ import annotations

import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from ci.outcomes import read_outcomes
from ci.running_steps import RunningSteps
from ci.steps import Step

SECONDS_BETWEEN_SIGNS = 60.0
CANNOT_START = 127  # as a shell says it

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


def run_lanes(lanes: Sequence[Iterable[Step]]) -> list[Result]:
    """Run every step, also after one that fails, and say once a minute which steps run.

    Raises:
        KeyboardInterrupt: somebody stopped it; the steps that ran are ended, and no other begins.
    """
    running = RunningSteps()
    with ThreadPoolExecutor(len(lanes)) as pool:
        try:
            ends = [pool.submit(run_lane, lane, running) for lane in lanes]
            while wait(ends, SECONDS_BETWEEN_SIGNS).not_done:
                say(f"== running: {running}")
            return [result for end in ends for result in end.result()]
        except KeyboardInterrupt:
            running.stop()
            raise


def run_lane(steps: Iterable[Step], running: RunningSteps) -> list[Result]:
    """Run steps one after the other until the lanes are stopped."""
    return [run_step(step, running) for step in steps if not running.is_stopped]


def run_step(step: Step, running: RunningSteps) -> Result:
    """Run a step, and print what it printed; one that cannot start has failed."""
    say(f"== {step.name} begins")
    start = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace") as output,
    ):
        tests = Path(folder) / "tests.xml"
        options = [f"--junitxml={tests}"] if "pytest" in step.command else []
        try:
            exit_code = running.run(step, options, output)
        except OSError as error:
            exit_code = CANNOT_START
            print(f"{step.command[0]} cannot start: {error}", file=output)
        seconds = time.monotonic() - start
        result = Result(step.name, exit_code, counted(tests, exit_code), seconds)
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
