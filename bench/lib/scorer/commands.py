"""Commands of `train_spd_scorer`, each run once for what it makes."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.lib.output.progress import progress_bar

ROOT = Path(__file__).resolve().parents[3]

LOG_TAIL_LINES = 15
# How verl's console logger begins the line of a step.
STEP = re.compile(r"\bstep:(\d+) - ")

# What a caller may well have set for the machine at hand. Parts of vLLM are compiled even where
# eager mode is asked for, with a C++ compiler.
ENVIRONMENT = {
    "TORCH_COMPILE_DISABLE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
}

Arguments = Sequence[str | int | Path]


class CommandError(Exception):
    """A command failed."""


def run_once(arguments: Arguments, output: Path, steps: int | None = None) -> float:
    """Run a command unless it has made its output; return the seconds that it took.

    Its progress goes to standard error, all else to a log beside the output. With `steps` it is
    `train`, whose progress is read from what it prints.

    Raises:
        CommandError: it exits with another code than 0.
    """
    record = output.with_name(f"{output.name}.seconds")
    if not record.exists():
        output.parent.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        _run([str(argument) for argument in arguments], output, steps)
        record.write_text(f"{time.monotonic() - start:.3f}\n")
    return float(record.read_text())


def _run(arguments: Sequence[str], output: Path, steps: int | None) -> None:
    log = output.with_name(f"{output.name}.log")
    what = f"{arguments[0]} {output.parent.name}"
    with (
        log.open("a") as kept,
        _started(arguments, is_logged=steps is not None) as process,
        progress_bar(steps, what, "step") as bar,
    ):
        for line in process.stdout or ():
            kept.write(line)
            if found := STEP.search(line):
                bar.update(int(found[1]) - bar.n)
    if process.returncode:
        failed = f"`train_spd_scorer {arguments[0]}` ended with exit code {process.returncode}"
        raise CommandError(failed + _tail(log))


def _started(arguments: Sequence[str], is_logged: bool) -> subprocess.Popen[str]:
    """Start a command; its standard error is to be logged with the rest, or is this process's."""
    return subprocess.Popen(
        [sys.executable, "-m", "train_spd_scorer", *arguments],
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if is_logged else None,
        text=True,
        errors="replace",
    )


def _tail(log: Path) -> str:
    """Return a log's last lines; none where the command has said itself what was wrong."""
    lines = log.read_text().splitlines()[-LOG_TAIL_LINES:]
    indented = "".join(f"\n    {line}" for line in lines)
    return f"; the last lines of {log}:{indented}" if lines else ""


def _environment() -> dict[str, str]:
    """Return this process's environment, in which the checkers of demo/ can be imported."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**ENVIRONMENT, **os.environ, "PYTHONPATH": os.pathsep.join(paths)}
