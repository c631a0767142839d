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
    """Tells in the log when steps begin to speculate and when they cease to.

    >>> switch = BatchSwitch("VLLM_SPECULATIVE_BATCH_SIZE_THRE=32", logging.getLogger("example"))
    >>> switch.turn(128, on=False), switch.turn(32, on=True), switch.num_switches
    (False, True, 2)

    Attributes:
        setting: what decides, as a user sets it.
        speculative_decoding_active: whether the present step speculates.
        num_switches: how often that has changed.
    """

    def __init__(
        self,
        setting: str,
        logger: logging.Logger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with speculation on.

        Args:
            setting: what decides, as a user sets it.
            logger: where the changes are told.
            clock: a time in seconds; it only spaces the log lines.
        """
        self.setting = setting
        self.speculative_decoding_active = True
        self.num_switches = 0
        self._logger = logger
        self._clock = clock
        self._next_log_time = -float("inf")

    def turn(self, batch_size: int, *, on: bool) -> bool:
        """Note whether a step of `batch_size` requests speculates, and return that."""
        if on != self.speculative_decoding_active:
            self.speculative_decoding_active = on
            self.num_switches += 1
            self._log(batch_size)
        return on

    def _log(self, batch_size: int) -> None:
        now = self._clock()
        if now < self._next_log_time:
            return
        self._next_log_time = now + SECONDS_BETWEEN_LOG_LINES
        self._logger.info(
            "Speculation is %s: %d requests in the batch, %s (%d switches so far).",
            "on" if self.speculative_decoding_active else "off",
            batch_size,
            self.setting,
            self.num_switches,
        )
