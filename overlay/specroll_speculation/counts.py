"""Counts of an engine's speculation, for who trains with its output."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import NamedTuple


@dataclass
class SpeculationCounts:
    """Sums over the steps of an engine.

    Attributes:
        speculative: whether the engine has a drafter.
        steps: steps that ran the model.
        switched_off_steps: those in which the batch was too large for drafts.
        sampling_steps: requests that got tokens, summed over steps.
        sampled_tokens: tokens that they got; as in vLLM's statistics, drafts that were accepted
            past the end of an answer count, too.
        verified_drafts: drafts that the target model has verified.
        draft_tokens: their tokens.
        accepted_tokens: draft tokens that it accepted.
        generation_s: seconds from the end of the first step to the end of the last.
        tail_s: seconds from the end of the last step whose batch was above the threshold, or of
            the first step where none was, to the end of the last step.
    """

    speculative: bool = False
    steps: int = 0
    switched_off_steps: int = 0
    sampling_steps: int = 0
    sampled_tokens: int = 0
    verified_drafts: int = 0
    draft_tokens: int = 0
    accepted_tokens: int = 0
    generation_s: float = 0.0
    tail_s: float = 0.0


class RequestStep(NamedTuple):
    """What a step did for one request.

    Attributes:
        num_sampled: tokens that it got.
        num_scheduled: tokens of its draft, 0 where it had none.
        num_refused: those of them that were not verified, because a grammar had refused them.
    """

    num_sampled: int
    num_scheduled: int
    num_refused: int = 0


class SpeculationCounter:
    """Counts step by step until somebody takes the counts.

    >>> counter = SpeculationCounter(speculative=True, switched=True)
    >>> accepted_two_of_three, without_draft = RequestStep(3, 3), RequestStep(1, 0)
    >>> counter.count_step(2, [accepted_two_of_three, without_draft], in_tail=True)
    >>> counts = counter.take()
    >>> counts["sampled_tokens"], counts["draft_tokens"], counts["accepted_tokens"]
    (4, 3, 2)

    Attributes:
        switched: whether the drafter is off in steps that are not of the tail.
        switched_off: whether the last step was too large for drafts, so that there are none.
    """

    def __init__(
        self,
        *,
        speculative: bool,
        switched: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start at zero.

        Args:
            speculative: whether the engine has a drafter.
            switched: whether that drafter is off in steps that are not of the tail.
            clock: a time in seconds.
        """
        self._speculative = speculative
        self.switched = switched
        self._clock = clock
        self.switched_off = False
        self._counts = SpeculationCounts(speculative)
        self._began: float | None = None
        self._tail_began = 0.0

    def count_step(
        self, batch_size: int, requests: Iterable[RequestStep], *, in_tail: bool
    ) -> None:
        """Count a step that is complete.

        Args:
            batch_size: requests of the step; nothing is counted where there are none.
            requests: what it did for them.
            in_tail: whether the batch is small enough for drafts.
        """
        if not batch_size:
            return
        counts, now = self._counts, self._clock()
        counts.steps += 1
        self.switched_off = self.switched and not in_tail
        counts.switched_off_steps += self.switched_off
        if self._began is None:
            self._began = self._tail_began = now
        elif not in_tail:
            self._tail_began = now
        counts.generation_s = now - self._began
        counts.tail_s = now - self._tail_began
        for request in requests:
            self._count_request(request)

    def take(self) -> dict[str, bool | int | float]:
        """Return the fields of `SpeculationCounts` since the last call, and start at zero."""
        counts = asdict(self._counts)
        self._counts = SpeculationCounts(self._speculative)
        self._began = None
        return counts

    def _count_request(self, request: RequestStep) -> None:
        counts = self._counts
        if not request.num_sampled:
            return
        counts.sampling_steps += 1
        counts.sampled_tokens += request.num_sampled
        if request.num_scheduled:
            counts.verified_drafts += 1
            counts.draft_tokens += request.num_scheduled - request.num_refused
            counts.accepted_tokens += request.num_sampled - 1
