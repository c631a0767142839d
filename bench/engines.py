"""Engines of several methods that are all alive and take turns, so that one machine serves all."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from bench.engine_process import EngineOptions, EngineProcess

SAM = {"method": "sam"}
# The window is vLLM's ngram at its best on reasoning; its own default, 5 to 5, seldom matches.
SPECULATION: dict[str, dict[str, Any]] = {
    "none": {},
    "ngram": {"method": "ngram", "prompt_lookup_min": 2, "prompt_lookup_max": 5},
    "sam": SAM,
    "sam_own": {**SAM, "sam_share_prompts": False},
    # What is shared by default has a name where other methods share less or more.
    "sam_group": SAM,
    "sam_history": {**SAM, "sam_history_tokens": 1_000_000},
}
THRESHOLD_VARIABLE = "VLLM_SPECULATIVE_BATCH_SIZE_THRE"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class EngineSetting:
    """What the engines of all methods have in common."""

    model: str
    batch: int
    num_speculative_tokens: int
    threshold: int | None
    dtype: str

    def engine_options(self, method: str) -> EngineOptions:
        """Return how to make the engine of ``method``."""
        speculation = dict(SPECULATION[method])
        if speculation:
            speculation["num_speculative_tokens"] = self.num_speculative_tokens
        arguments = {
            "model": self.model,
            "dtype": self.dtype,
            "max_num_seqs": self.batch,
            "enforce_eager": True,
            "disable_log_stats": False,
            "speculative_config": speculation or None,
        }
        threshold = {} if self.threshold is None else {THRESHOLD_VARIABLE: str(self.threshold)}
        return EngineOptions(arguments, threshold)


@contextmanager
def running_engines(
    setting: EngineSetting, methods: Sequence[str]
) -> Iterator[dict[str, EngineProcess]]:
    """Start an engine for every method and end them all on leaving.

    Raises EngineError where one does not start.
    """
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="specroll-engines-")))
        engines = {}
        for method in tqdm(methods, "starting engines", unit="engine", disable=None):
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
    for turn, method in tqdm(turns, "rounds", unit="turn", disable=None):
        answer = one_round(engines[method])
        if turn > 0:
            rounds[method].append(answer)
    return rounds
