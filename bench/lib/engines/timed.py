"""A rollout in an engine as its user has it: timed from outside, step by step."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.lib.engines.requests import Request

if TYPE_CHECKING:
    from vllm import LLM


@dataclass(frozen=True)
class Moment:
    """What came out of an engine at once.

    Example: ``Moment(seconds=0.02, running=4, tokens=9)``.

    Attributes:
        seconds: since the moment before.
        running: requests that had not ended before it.
        tokens: that came out.
    """

    seconds: float
    running: int
    tokens: int


@dataclass(frozen=True)
class TimedRollout:
    """The tokens of every request, and when they came.

    >>> TimedRollout([[5, 6], [7]], [Moment(0.25, 2, 2), Moment(0.5, 1, 1)]).seconds
    0.75
    """

    token_ids: list[list[int]]
    moments: list[Moment]

    @property
    def seconds(self) -> float:
        """Wall time from the first request to the last token."""
        return sum(moment.seconds for moment in self.moments)


def timed_rollout(llm: "LLM", requests: Sequence[Request]) -> TimedRollout:
    """Add all requests to an idle engine, and note when its tokens come."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    engine = llm.llm_engine
    texts: dict[str, list[int]] = {str(i): [] for i in range(len(requests))}
    start = time.perf_counter()
    for name, request in zip(texts, requests, strict=True):
        sampling = SamplingParams(**request.sampling, output_kind=RequestOutputKind.DELTA)
        engine.add_request(name, request.prompt, sampling)
    moments = []
    while running := engine.get_num_unfinished_requests():
        tokens = 0
        for output in engine.step():
            new = output.outputs[0].token_ids
            texts[output.request_id] += new
            tokens += len(new)
        now = time.perf_counter()
        moments.append(Moment(now - start, running, tokens))
        start = now
    return TimedRollout(list(texts.values()), moments)
