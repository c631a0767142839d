"""Counts of speculation where the scheduler decides how long drafts may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vllm.v1.metrics.speculation_counts import EngineCounter

if TYPE_CHECKING:
    from vllm.v1.core.sched.output import SchedulerOutput


class ScheduledEngineCounter(EngineCounter):
    """Counts the steps of an engine core whose scheduler has a draft length for each batch size."""

    def _is_in_tail(self, scheduled: SchedulerOutput) -> bool:
        if not self.switched:
            return super()._is_in_tail(scheduled)
        return scheduled.num_spec_tokens_to_schedule > 0
