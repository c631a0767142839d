"""math-verify in a process of its own.

What a model writes may take for ever to evaluate, or all memory: 10^{10^{10}}. Time limits of
math-verify are signals, which only a main thread gets and big integers ignore; a process can be
stopped from any thread.
"""

from __future__ import annotations

import json
import logging
import resource
import select
import shlex
import subprocess
import sys
import threading

START_S = 120.0
MEMORY_BYTES = 4 * 2**30

logger = logging.getLogger(__name__)


class MathematicsError(Exception):
    """A ground truth that is no expression, or math-verify that does not start."""


class Mathematics:
    r"""Compares expressions; usable from any thread, one comparison at a time.

    Example:
        >>> Mathematics().equal(r"so it is $\frac{1}{2}$", "0.5")
        True
    """

    def __init__(self, timeout_s: float = 10.0) -> None:
        """Start no process yet: that is done with the first comparison.

        Args:
            timeout_s: seconds that a comparison may take.
        """
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def equal(self, answer: str, truth: str) -> bool:
        """Tell whether the last expression of an answer equals the ground truth.

        An answer that cannot be evaluated within the time is not equal; a warning says so.

        Args:
            answer: a text with an expression in it, plain or in LaTeX.
            truth: an expression.

        Raises:
            MathematicsError: the ground truth is no expression, or math-verify does not start.
        """
        with self._lock:
            found = self._compared(answer, truth)
        if found is None:
            raise MathematicsError(f"the ground truth {truth!r} is no expression")
        return found

    def _compared(self, answer: str, truth: str) -> bool | None:
        process = self._started()
        print(json.dumps([answer, truth]), file=process.stdin, flush=True)
        line = _line(process, self._timeout_s)
        if line:
            found: bool | None = json.loads(line)
            return found
        process.kill()
        process.wait()
        logger.warning("counted as wrong, for it cannot be evaluated: %.200s", answer)
        return False

    def _started(self) -> subprocess.Popen[str]:
        """Return the process, a new one where there is none that runs."""
        if self._process is None or self._process.poll() is not None:
            # Isolated: this package's modules are not to be found by their bare names.
            command = [sys.executable, "-I", __file__]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
            if not _line(self._process, START_S):
                why = f"see what {shlex.join(command)} says"
                raise MathematicsError(f"math-verify does not start, is it installed? {why}")
        return self._process


def _line(process: subprocess.Popen[str], seconds: float) -> str:
    """Return what a process writes next, nothing where it does not or has ended."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    return process.stdout.readline() if ready else ""


def _serve() -> None:
    """Answer comparisons, a line each: true, false, or null for a ground truth that is none."""
    import math_verify

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    print("ready", flush=True)
    for line in sys.stdin:
        answer, text = json.loads(line)
        truth = math_verify.parse(f"\\boxed{{{text}}}", parsing_timeout=None)
        given = math_verify.parse(answer, parsing_timeout=None)
        found = math_verify.verify(truth, given, timeout_seconds=None) if truth else None
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    _serve()
