"""Speculation off while the batch is large.

Verifying drafts costs the more, the more requests share a step: in a rollout the large batch of
the start is cheaper without, the few long answers of the end with speculation.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

VARIABLE = "VLLM_SPECULATIVE_BATCH_SIZE_THRE"
DEFAULT_THRESHOLD = 32
SECONDS_BETWEEN_LOG_LINES = 60.0


def threshold_from_environment() -> int:
    """Return the largest batch that speculates, in requests; 0 or less: any.

    Raises:
        ValueError: the variable is set to something that is no whole number.
    """
    text = os.environ.get(VARIABLE)
    if text is None:
        return DEFAULT_THRESHOLD
    try:
        return int(text)
    except ValueError:
        raise ValueError(
            f"{VARIABLE} must be a whole number of requests (0 or less: speculation is never "
            f"switched off), not {text!r}"
        ) from None


def speculates(batch_size: int, threshold: int) -> bool:
    """Say whether a step of so many requests speculates under a threshold."""
    return threshold <= 0 or batch_size <= threshold


class BatchSwitch:
    """Decides each step whether to speculate, from the number of requests in the batch.

    >>> switch = BatchSwitch(32, logging.getLogger("example"))
    >>> switch.observe(128), switch.observe(32), switch.num_switches
    (False, True, 2)

    Attributes:
        threshold: largest batch that speculates; 0 or less: any.
        speculative_decoding_active: the decision for the present step.
        num_switches: how often the decision has changed.
    """

    def __init__(
        self,
        threshold: int,
        logger: logging.Logger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with speculation on.

        Args:
            threshold: largest batch that speculates, in requests; 0 or less: any.
            logger: where the changes are told.
            clock: a time in seconds; it only spaces the log lines.
        """
        self.threshold = threshold
        self.speculative_decoding_active = True
        self.num_switches = 0
        self._logger = logger
        self._clock = clock
        self._next_log_time = -float("inf")

    def observe(self, batch_size: int) -> bool:
        """Decide whether a step of `batch_size` requests speculates."""
        active = speculates(batch_size, self.threshold)
        if active != self.speculative_decoding_active:
            self.speculative_decoding_active = active
            self.num_switches += 1
            self._log(batch_size)
        return active

    def _log(self, batch_size: int) -> None:
        now = self._clock()
        if now < self._next_log_time:
            return
        self._next_log_time = now + SECONDS_BETWEEN_LOG_LINES
        self._logger.info(
            "Speculation is %s: %d requests in the batch, %s=%d (%d switches so far).",
            "on" if self.speculative_decoding_active else "off",
            batch_size,
            VARIABLE,
            self.threshold,
            self.num_switches,
        )
