"""Counts of speculation where the scheduler cuts drafts at what a grammar refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vllm.v1.metrics.speculation_counts import EngineCounter

if TYPE_CHECKING:
    from vllm.v1.core.sched.output import SchedulerOutput


class UnpaddedEngineCounter(EngineCounter):
    """Counts the steps of an engine core whose drafts are never padded."""

    def _num_refused(self, _scheduled: SchedulerOutput) -> Mapping[str, int]:
        return {}
