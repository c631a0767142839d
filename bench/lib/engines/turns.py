"""Engines of several methods that are all alive and take turns, so that one machine serves all."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.lib.engines.methods import THRESHOLD_VARIABLE, speculative_config
from bench.lib.engines.process import EngineOptions, EngineProcess
from bench.lib.output.progress import progress

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class EngineSetting:
    """What the engines of all methods have in common.

    Example: ``EngineSetting("model", 4, 3, 8, "float32").engine_options("sam")`` are the options
    of an engine of at most four requests that speculates on up to eight.

    Attributes:
        model: folder or hub id.
        batch: most requests in a step.
        num_speculative_tokens: most tokens of a draft.
        threshold: value of `THRESHOLD_VARIABLE`; None leaves the variable as it is.
        dtype: of the model.
    """

    model: str
    batch: int
    num_speculative_tokens: int
    threshold: int | None
    dtype: str

    def engine_options(self, method: str) -> EngineOptions:
        """Return how to make the engine of a method."""
        arguments = {
            "model": self.model,
            "dtype": self.dtype,
            "max_num_seqs": self.batch,
            "enforce_eager": True,
            "disable_log_stats": False,
            "speculative_config": speculative_config(method, self.num_speculative_tokens) or None,
        }
        threshold = {} if self.threshold is None else {THRESHOLD_VARIABLE: str(self.threshold)}
        return EngineOptions(arguments, threshold)


@contextmanager
def running_engines(
    setting: EngineSetting, methods: Sequence[str]
) -> Iterator[dict[str, EngineProcess]]:
    """Start an engine for every method and end them all on leaving.

    Raises:
        EngineError: one does not start.
    """
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="specroll-engines-")))
        engines = {}
        for method in progress(methods, "starting engines", "engine"):
            options = setting.engine_options(method)
            engine = EngineProcess(method, options, logs / f"{method}.log")
            engines[method] = stack.enter_context(engine)
            engine.wait_until_ready()
        yield engines


def rounds_in_turn(
    engines: Mapping[str, EngineProcess], repeats: int, one_round: Callable[[EngineProcess], Answer]
) -> dict[str, list[Answer]]:
    """Let the engines take turns for ``repeats`` rounds, after one that does not count."""
    rounds: dict[str, list[Answer]] = {method: [] for method in engines}
    turns = [(turn, method) for turn in range(repeats + 1) for method in engines]
    for turn, method in progress(turns, "rounds", "turn"):
        answer = one_round(engines[method])
        if turn > 0:
            rounds[method].append(answer)
    return rounds
