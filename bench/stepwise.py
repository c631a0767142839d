"""A rollout in an engine that is stepped by hand, so that every step can be looked at."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vllm import LLM
    from vllm.v1.engine.llm_engine import LLMEngine

# What vLLM's model runner calls of a drafter in a step.
DRAFTER_CALLS = "finish", "observe_batch", "propose"


@dataclass(frozen=True)
class Request:
    """A prompt, as text or token ids, and keyword arguments of ``vllm.SamplingParams``."""

    prompt: str | list[int]
    sampling: Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One step: its requests, its tokens, and the drafts that it verified.

    ``seconds`` is wall time, ``drafter_seconds`` the part of it spent in the drafter; ``running``
    counts the requests that have not ended before the step, ``drafts`` those with draft tokens.
    """

    seconds: float
    running: int
    tokens: int = 0
    drafts: int = 0
    draft_tokens: int = 0
    accepted_tokens: int = 0
    drafter_seconds: float = 0.0


@dataclass(frozen=True)
class Rollout:
    """The tokens of every request, and the steps that made them."""

    token_ids: list[list[int]]
    steps: list[Step]

    @property
    def seconds(self) -> float:
        """Wall time of all steps."""
        return sum(step.seconds for step in self.steps)


def roll_out(llm: "LLM", requests: Sequence[Request]) -> Rollout:
    """Add all requests to an idle engine of this process and step it until the last has ended."""
    engine = llm.llm_engine
    _add(engine, requests)
    steps = []
    token_ids = {}
    with _recorder(engine) as recorder:
        while running := engine.get_num_unfinished_requests():
            start = time.perf_counter()
            ended = engine.step()
            seconds = time.perf_counter() - start
            steps.append(Step(seconds, running, **recorder.take()))
            token_ids.update({each.request_id: list(each.outputs[0].token_ids) for each in ended})
    return Rollout([token_ids[str(i)] for i in range(len(requests))], steps)


def _add(engine: "LLMEngine", requests: Sequence[Request]) -> None:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    for i, request in enumerate(requests):
        sampling = SamplingParams(**request.sampling, output_kind=RequestOutputKind.FINAL_ONLY)
        engine.add_request(str(i), _prompt(request.prompt), sampling)


def _prompt(prompt: str | list[int]) -> Any:  # noqa: ANN401
    return prompt if isinstance(prompt, str) else {"prompt_token_ids": prompt}


class _Recorder:
    """Adds up what becomes known of a step while it runs; a logger of vLLM's statistics."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._drafter_seconds = 0.0

    def record(self, scheduler_stats: Any, iteration_stats: Any, **_: object) -> None:  # noqa: ANN401
        """Take vLLM's statistics of a step."""
        self._counts["tokens"] += iteration_stats.num_generation_tokens
        if drafts := scheduler_stats.spec_decoding_stats:
            self._counts["drafts"] += drafts.num_drafts
            self._counts["draft_tokens"] += drafts.num_draft_tokens
            self._counts["accepted_tokens"] += drafts.num_accepted_tokens

    def log(self) -> None:
        """Nothing to log: vLLM asks every logger now and then."""

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the drafter's function, whose seconds are added up."""

        def call(*arguments: object, **options: object) -> object:
            start = time.perf_counter()
            answer = function(*arguments, **options)
            self._drafter_seconds += time.perf_counter() - start
            return answer

        return call

    def take(self) -> dict[str, Any]:
        """Return the sums since the last call."""
        taken = {**self._counts, "drafter_seconds": self._drafter_seconds}
        self._counts.clear()
        self._drafter_seconds = 0.0
        return taken


@contextmanager
def _recorder(engine: "LLMEngine") -> Iterator[_Recorder]:
    recorder = _Recorder()
    loggers = engine.logger_manager.stat_loggers
    drafter = getattr(engine.model_executor.driver_worker.worker.model_runner, "drafter", None)
    calls = [name for name in DRAFTER_CALLS if hasattr(drafter, name)]
    loggers.append(recorder)
    for name in calls:
        setattr(drafter, name, recorder.timed(getattr(drafter, name)))
    try:
        yield recorder
    finally:
        loggers.remove(recorder)
        for name in calls:
            delattr(drafter, name)
