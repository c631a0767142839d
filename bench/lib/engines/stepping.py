"""A rollout in an engine that is stepped by hand, so that every step can be looked at."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from bench.lib.engines.requests import Request

if TYPE_CHECKING:
    from vllm import LLM
    from vllm.v1.engine.llm_engine import LLMEngine

# What vLLM's model runner calls of a drafter in a step.
DRAFTER_CALLS = "finish", "observe_batch", "propose"


@dataclass(frozen=True)
class Step:
    """One step: its requests, its tokens, and the drafts that it verified.

    ``seconds`` is wall time, ``drafter_seconds`` the part of it spent in the drafter; ``running``
    counts the requests that have not ended before the step, with ``context_tokens`` in all of their
    texts, ``drafts`` those with draft tokens, ``drafted_at`` those with one at each position of a
    draft, ``accepted_at`` those that accepted it. ``prompt_tokens`` are those of the prompts that
    the step completed.

    Example: ``Step(0.02, running=2, tokens=5, drafts=2, draft_tokens=6, accepted_tokens=3)``.
    """

    seconds: float
    running: int
    tokens: int = 0
    drafts: int = 0
    draft_tokens: int = 0
    accepted_tokens: int = 0
    drafter_seconds: float = 0.0
    context_tokens: int = 0
    prompt_tokens: int = 0
    drafted_at: tuple[int, ...] = ()
    accepted_at: tuple[int, ...] = ()


@dataclass(frozen=True)
class Rollout:
    """The tokens of every request, and the steps that made them.

    >>> Rollout([[5, 6], [7]], [Step(0.25, running=2), Step(0.5, running=1)]).seconds
    0.75
    """

    token_ids: list[list[int]]
    steps: list[Step]

    @property
    def seconds(self) -> float:
        """Wall time of all steps."""
        return sum(step.seconds for step in self.steps)


def typical(rollouts: Sequence[Rollout]) -> Rollout:
    """Return the rollout whose every step takes its median time over the rounds.

    So a step that other work on the machine held up once does not count.

    Raises:
        ValueError: the rollouts differ in anything but time.
    """
    if any(_without_seconds(each) != _without_seconds(rollouts[0]) for each in rollouts):
        raise ValueError("the rounds of a rollout differ in their steps, so none is typical")
    rounds = zip(*(each.steps for each in rollouts), strict=True)
    return Rollout(rollouts[0].token_ids, [_median_step(same) for same in rounds])


def _median_step(same: Sequence[Step]) -> Step:
    return replace(
        same[0],
        seconds=median(step.seconds for step in same),
        drafter_seconds=median(step.drafter_seconds for step in same),
    )


def _without_seconds(rollout: Rollout) -> Rollout:
    steps = [replace(step, seconds=0.0, drafter_seconds=0.0) for step in rollout.steps]
    return replace(rollout, steps=steps)


def roll_out(llm: "LLM", requests: Sequence[Request]) -> Rollout:
    """Add all requests to an idle engine of this process and step it until the last has ended."""
    engine = llm.llm_engine
    _add(engine, requests)
    steps = []
    token_ids = {}
    with _recorder(engine) as recorder:
        while running := engine.get_num_unfinished_requests():
            context = _context_tokens(engine)
            start = time.perf_counter()
            ended = engine.step()
            seconds = time.perf_counter() - start
            steps.append(Step(seconds, running, context_tokens=context, **recorder.take()))
            token_ids.update({each.request_id: list(each.outputs[0].token_ids) for each in ended})
    return Rollout([token_ids[str(i)] for i in range(len(requests))], steps)


def roll_out_epochs(llm: "LLM", epochs: Sequence[Sequence[Request]]) -> list[Rollout]:
    """Roll out one epoch after the other, with a new drafter that knows none before the first."""
    _renew_drafter(llm)
    return [roll_out(llm, requests) for requests in epochs]


def _renew_drafter(llm: "LLM") -> None:
    runner = _model_runner(llm.llm_engine)
    if hasattr(runner, "drafter"):
        runner.drafter = type(runner.drafter)(runner.vllm_config)


def _model_runner(engine: "LLMEngine") -> Any:  # noqa: ANN401
    return engine.model_executor.driver_worker.worker.model_runner


def _context_tokens(engine: "LLMEngine") -> int:
    scheduler = engine.engine_core.engine_core.scheduler
    return sum(request.num_tokens for request in scheduler.requests.values())


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
        self._drafted_at: Counter[int] = Counter()
        self._accepted_at: Counter[int] = Counter()

    def record(self, scheduler_stats: Any, iteration_stats: Any, **_: object) -> None:  # noqa: ANN401
        """Take vLLM's statistics of a step."""
        self._counts["tokens"] += iteration_stats.num_generation_tokens
        self._counts["prompt_tokens"] += iteration_stats.prompt_token_stats.computed
        if drafts := scheduler_stats.spec_decoding_stats:
            self._counts["drafts"] += drafts.num_drafts
            self._counts["draft_tokens"] += drafts.num_draft_tokens
            self._counts["accepted_tokens"] += drafts.num_accepted_tokens

    def observe_draft(self, num_draft_tokens: int, num_accepted_tokens: int) -> None:
        """Take what vLLM's scheduler observes of a draft."""
        self._drafted_at.update(range(num_draft_tokens))
        self._accepted_at.update(range(num_accepted_tokens))

    def log(self) -> None:
        """Do nothing: vLLM asks every logger now and then."""

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
        taken = {
            **self._counts,
            "drafter_seconds": self._drafter_seconds,
            "drafted_at": _by_position(self._drafted_at),
            "accepted_at": _by_position(self._accepted_at),
        }
        for counts in (self._counts, self._drafted_at, self._accepted_at):
            counts.clear()
        self._drafter_seconds = 0.0
        return taken


def _by_position(counts: Counter[int]) -> tuple[int, ...]:
    return tuple(counts[position] for position in range(len(counts)))


@contextmanager
def _recorder(engine: "LLMEngine") -> Iterator[_Recorder]:
    recorder = _Recorder()
    loggers = engine.logger_manager.stat_loggers
    drafter = getattr(_model_runner(engine), "drafter", None)
    with ExitStack() as stack:
        for name in DRAFTER_CALLS:
            if hasattr(drafter, name):
                timed = recorder.timed(getattr(drafter, name))
                stack.enter_context(patch.object(drafter, name, timed))
        stack.enter_context(_drafts_observed_by(recorder))
        loggers.append(recorder)
        stack.callback(loggers.remove, recorder)
        yield recorder


@contextmanager
def _drafts_observed_by(recorder: _Recorder) -> Iterator[None]:
    """Let the recorder see every draft: vLLM's statistics keep only the sum of their lengths."""
    from vllm.v1.spec_decode.metrics import SpecDecodingStats

    observe_draft = SpecDecodingStats.observe_draft

    def observe(stats: SpecDecodingStats, num_draft_tokens: int, num_accepted_tokens: int) -> None:
        recorder.observe_draft(num_draft_tokens, num_accepted_tokens)
        observe_draft(stats, num_draft_tokens, num_accepted_tokens)

    with patch.object(SpecDecodingStats, "observe_draft", observe):
        yield
