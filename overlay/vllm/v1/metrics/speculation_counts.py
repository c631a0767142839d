"""Counts of an engine's speculation, kept beside its scheduler.

vLLM's own statistics of drafts (vllm/v1/spec_decode/metrics.py) exist only while its log
statistics are on, which verl switches off, and know nothing of the batch-size switch. These are
kept whichever drafter, runner or device the engine has.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from specroll_speculation.batch_switch import speculates, threshold_from_environment
from specroll_speculation.counts import RequestStep, SpeculationCounter

if TYPE_CHECKING:
    from typing_extensions import Self
    from vllm.config import VllmConfig
    from vllm.v1.core.sched.output import SchedulerOutput
    from vllm.v1.outputs import ModelRunnerOutput


class EngineCounter(SpeculationCounter):
    """Counts the steps of an engine core."""

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
            speculative: see `SpeculationCounter`,
            switched: and so is this,
            clock: and this.
        """
        super().__init__(speculative=speculative, switched=switched, clock=clock)
        self._threshold = threshold

    @classmethod
    def for_engine(cls, vllm_config: VllmConfig) -> Self:
        """Make the counter of an engine.

        Raises:
            ValueError: the threshold in the environment is no whole number.
        """
        config = vllm_config.speculative_config
        return cls(
            threshold_from_environment(),
            speculative=config is not None,
            switched=config is not None and config.method == "sam",
        )

    def record(self, scheduled: SchedulerOutput, output: ModelRunnerOutput) -> None:
        """Count a step that is complete, from what was scheduled and what came out."""
        self.count_step(
            len(scheduled.num_scheduled_tokens),
            self._requests(scheduled, output),
            in_tail=self._is_in_tail(scheduled),
        )

    def _is_in_tail(self, scheduled: SchedulerOutput) -> bool:
        """Say whether the batch of a step is small enough for drafts."""
        return speculates(len(scheduled.num_scheduled_tokens), self._threshold)

    def _requests(
        self, scheduled: SchedulerOutput, output: ModelRunnerOutput
    ) -> Iterator[RequestStep]:
        drafts = scheduled.scheduled_spec_decode_tokens
        refused = self._num_refused(scheduled)
        for req_id, sampled in zip(output.req_ids, output.sampled_token_ids, strict=False):
            draft = drafts.get(req_id, ())
            yield RequestStep(len(sampled), len(draft), refused.get(req_id, 0))

    def _num_refused(self, scheduled: SchedulerOutput) -> Mapping[str, int]:
        """Return how many draft tokens a grammar has refused; they are padded for the runner."""
        return scheduled.num_invalid_spec_tokens or {}
