"""Counts of an engine's speculation, for who trains with its output.

vLLM's own statistics of drafts (vllm/v1/spec_decode/metrics.py) exist only while its log
statistics are on, which verl switches off, and know nothing of the batch-size switch. These are
kept beside the scheduler, whichever drafter, runner or device the engine has.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from specroll_speculation.batch_switch import speculates, threshold_from_environment

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.v1.core.sched.output import SchedulerOutput
    from vllm.v1.outputs import ModelRunnerOutput


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


class SpeculationCounter:
    """Counts step by step until somebody takes the counts.

    Attributes:
        switched_off: whether the last step was too large for drafts, so that there are none.
    """

    def __init__(
        self,
        threshold: int,
        *,
        speculative: bool,
        switched: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start at zero.

        Args:
            threshold: largest batch that counts as tail, in requests; 0 or less: any.
            speculative: whether the engine has a drafter.
            switched: whether the threshold also switches that drafter off.
            clock: a time in seconds.
        """
        self._threshold = threshold
        self._speculative = speculative
        self._switched = switched
        self._clock = clock
        self.switched_off = False
        self._begin()

    def record(self, scheduled: SchedulerOutput, output: ModelRunnerOutput) -> None:
        """Count a step that is complete."""
        if not scheduled.num_scheduled_tokens:
            return
        counts, now = self._counts, self._clock()
        counts.steps += 1
        in_tail = speculates(len(scheduled.num_scheduled_tokens), self._threshold)
        self.switched_off = self._switched and not in_tail
        counts.switched_off_steps += self.switched_off
        if self._began is None:
            self._began = self._tail_began = now
        elif not in_tail:
            self._tail_began = now
        counts.generation_s = now - self._began
        counts.tail_s = now - self._tail_began
        self._count_tokens(scheduled, output)

    def take(self) -> dict[str, bool | int | float]:
        """Return the fields of `SpeculationCounts` since the last call, and start at zero."""
        counts = asdict(self._counts)
        self._begin()
        return counts

    def _begin(self) -> None:
        self._counts = SpeculationCounts(self._speculative)
        self._began: float | None = None
        self._tail_began = 0.0

    def _count_tokens(self, scheduled: SchedulerOutput, output: ModelRunnerOutput) -> None:
        counts, drafts = self._counts, scheduled.scheduled_spec_decode_tokens
        # Draft tokens that a grammar has refused are padded for the runner, and not verified.
        refused = getattr(scheduled, "num_invalid_spec_tokens", None) or {}
        for req_id, sampled in zip(output.req_ids, output.sampled_token_ids, strict=False):
            num_sampled = len(sampled)
            if not num_sampled:
                continue
            counts.sampling_steps += 1
            counts.sampled_tokens += num_sampled
            if draft := drafts.get(req_id):
                counts.verified_drafts += 1
                counts.draft_tokens += len(draft) - refused.get(req_id, 0)
                counts.accepted_tokens += num_sampled - 1


def speculation_counter(vllm_config: VllmConfig) -> SpeculationCounter:
    """Return the counter of an engine.

    Raises:
        ValueError: the threshold in the environment is no whole number.
    """
    config = vllm_config.speculative_config
    return SpeculationCounter(
        threshold_from_environment(),
        speculative=config is not None,
        switched=config is not None and config.method == "sam",
    )
