"""A vLLM engine in a process of its own, so that several can be alive and take turns."""

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from vllm import LLM

Answer = TypeVar("Answer")

LOG_TAIL_LINES = 15
SECONDS_TO_END = 5

# Engines wait for their turn: an OpenMP thread that spins would slow down the engine whose turn
# it is. The engine core stays in the process that measures it.
ENVIRONMENT = {
    "KMP_BLOCKTIME": "0",
    "OMP_WAIT_POLICY": "passive",
    # Parts of vLLM are compiled even where eager mode is asked for, with a C++ compiler.
    "TORCH_COMPILE_DISABLE": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
}
# What a caller may well have set for the machine at hand.
DEFAULT_ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1"}

COUNTERS = {
    "vllm:spec_decode_num_drafts": "drafts",
    "vllm:spec_decode_num_draft_tokens": "draft_tokens",
    "vllm:spec_decode_num_accepted_tokens": "accepted_tokens",
}


class EngineError(Exception):
    """An engine did not start, or stopped."""


@dataclass(frozen=True)
class EngineOptions:
    """How to make an engine: keyword arguments of ``vllm.LLM`` and environment variables.

    ``surroundings`` are variables, too: those of all engines of a command.

    Example: ``EngineOptions({"model": "model", "max_num_seqs": 4}, {"OMP_NUM_THREADS": "1"})``.
    """

    arguments: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)
    surroundings: Mapping[str, str] = field(default_factory=lambda: ENVIRONMENT)


@dataclass(frozen=True)
class Generation:
    """What an engine did with one list of prompts.

    ``drafts`` counts the times a request got draft tokens, ``draft_tokens`` and
    ``accepted_tokens`` the tokens in them.

    >>> Generation(0.5, [[1, 2]], [[3, 4, 5]], drafts=1, draft_tokens=3, accepted_tokens=2).tokens
    3
    """

    seconds: float
    prompt_token_ids: list[list[int]]
    token_ids: list[list[int]]
    drafts: int
    draft_tokens: int
    accepted_tokens: int

    @property
    def tokens(self) -> int:
        """Number of tokens put out."""
        return sum(map(len, self.token_ids))

    @classmethod
    def joined(cls, parts: Sequence["Generation"]) -> "Generation":
        """Return what generations one after another come to."""
        return cls(
            sum(part.seconds for part in parts),
            [tokens for part in parts for tokens in part.prompt_token_ids],
            [tokens for part in parts for tokens in part.token_ids],
            sum(part.drafts for part in parts),
            sum(part.draft_tokens for part in parts),
            sum(part.accepted_tokens for part in parts),
        )


class EngineProcess:
    """A vLLM engine that starts at once in the background and writes its chatter to ``log``.

    Use it as a context manager; leaving it ends the process.

    Example::

        with EngineProcess("sam", options, Path("engine.log")) as engine:
            engine.wait_until_ready()
            generation = engine.generate(["What is 2 + 3?"], max_tokens=20)
    """

    def __init__(self, name: str, options: EngineOptions, log: Path) -> None:
        """Start the process; `wait_until_ready` says when it can generate."""
        self.name = name
        self._log = log
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        # Not a daemon: those may have no processes, and an engine may.
        self._process = context.Process(target=_serve, args=(theirs, options, log))
        self._process.start()
        # With our copy closed, the end of the process is the end of the pipe.
        theirs.close()

    def wait_until_ready(self) -> None:
        """Return once the engine can generate.

        Raises:
            EngineError: the process ends instead.
        """
        self._receive()

    def generate(self, prompts: Sequence[str], max_tokens: int) -> Generation:
        """Generate greedily, at most ``max_tokens`` tokens a prompt.

        Raises:
            EngineError: the process ends instead of answering.
        """
        return self.run(_generation, list(prompts), max_tokens)

    def run(self, work: Callable[..., Answer], *arguments: object) -> Answer:
        """Return ``work(llm, *arguments)``; the process imports the function by its name.

        Raises:
            EngineError: the process ends instead of answering.
        """
        try:
            self._connection.send((work, arguments))
        except OSError:
            raise self._stopped() from None
        return cast(Answer, self._receive())

    def close(self) -> None:
        """End the process; do nothing where it has ended.

        It ends by itself when the pipe is closed, unless it is still starting or hangs.
        """
        self._connection.close()
        self._process.join(SECONDS_TO_END)
        self._process.terminate()
        self._process.join()

    def __enter__(self) -> "EngineProcess":
        """Return the engine."""
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process."""
        self.close()

    def _receive(self) -> object:
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            raise self._stopped() from None

    def _stopped(self) -> EngineError:
        self._process.join()
        lines = self._log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        tail = "\n".join(f"    {line}" for line in lines)
        return EngineError(
            f"the engine of method {self.name} stopped with exit code {self._process.exitcode}; "
            f"its last words were:\n{tail}"
        )


def _serve(connection: Connection, options: EngineOptions, log: Path) -> None:
    """Make the engine, then answer requests until the other end is closed."""
    _redirect_output(log)
    for name, value in DEFAULT_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ.update({**options.surroundings, **options.environment})
    # Only now: vLLM and OpenMP read the environment when they are imported.
    from vllm import LLM

    engine = LLM(**options.arguments)
    connection.send("ready")
    while True:
        try:
            work, arguments = connection.recv()
        except (EOFError, KeyboardInterrupt):
            return
        connection.send(work(engine, *arguments))


def _redirect_output(log: Path) -> None:
    # File descriptors, not sys.stdout: C++ code talks too.
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _generation(engine: "LLM", prompts: list[str], max_tokens: int) -> Generation:
    from vllm import SamplingParams

    parameters = SamplingParams(temperature=0.0, max_tokens=max_tokens)
    before = _counters(engine)
    start = time.perf_counter()
    outputs = engine.generate(prompts, parameters, use_tqdm=False)
    seconds = time.perf_counter() - start
    counted = {name: value - before[name] for name, value in _counters(engine).items()}
    return Generation(
        seconds,
        [list(output.prompt_token_ids or ()) for output in outputs],
        [list(output.outputs[0].token_ids) for output in outputs],
        **counted,
    )


def _counters(engine: "LLM") -> dict[str, int]:
    """Return the engine's counters of drafts; those that it does not keep are zero."""
    from vllm.v1.metrics.reader import Counter

    values = dict.fromkeys(COUNTERS.values(), 0)
    for metric in engine.get_metrics():
        if isinstance(metric, Counter) and metric.name in COUNTERS:
            values[COUNTERS[metric.name]] += metric.value
    return values
