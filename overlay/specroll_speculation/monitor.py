"""Says in the log whether speculation works, and if not, why."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

# Why a request gets no draft, where any engine can say so; adapters have reasons of their own, too.
INCOMPLETE = "prompt not complete"
NOTHING_LIKELY = "no likely continuation"


def too_large(setting: str) -> str:
    """Return why a batch gets no draft that is too large by this setting."""
    return f"batch above {setting}"


DRAFTS_BEFORE_WARNING = 200
STEPS_BEFORE_WARNING = 1000


class DraftMonitor:
    """Watches proposed and accepted draft tokens, and the reasons why there were none.

    >>> monitor = DraftMonitor(logging.getLogger("example"))
    >>> monitor.record_proposed(3)
    >>> monitor.record_accepted(2)  # logs that speculation works
    >>> monitor.num_proposed, monitor.num_accepted
    (3, 2)

    Attributes:
        num_proposed: draft tokens proposed so far.
        num_accepted: draft tokens that the target model accepted so far.
    """

    def __init__(self, logger: logging.Logger) -> None:
        """Write to `logger`."""
        self.num_proposed = 0
        self.num_accepted = 0
        self._logger = logger
        self._warned_of_rejection = False
        self._silent_steps = 0
        self._silence: Counter[str] = Counter()

    def record_accepted(self, num_accepted: int) -> None:
        """Note the draft tokens that this step's verification accepted."""
        if num_accepted and not self.num_accepted:
            self._logger.info("Speculation works: the first draft tokens were accepted.")
        self.num_accepted += num_accepted
        if (
            not self.num_accepted
            and self.num_proposed >= DRAFTS_BEFORE_WARNING
            and not self._warned_of_rejection
        ):
            self._warned_of_rejection = True
            self._logger.warning(
                "None of %d proposed draft tokens was accepted: the text repeats nothing, or "
                "the engine does not verify drafts.",
                self.num_proposed,
            )

    def record_proposed(self, num_proposed: int) -> None:
        """Note a step that proposed draft tokens."""
        self.num_proposed += num_proposed
        self._silent_steps = 0
        self._silence.clear()

    def record_silence(self, reasons: Mapping[str, int]) -> None:
        """Note a step that proposed nothing: how many requests got no draft for each reason."""
        self._silent_steps += 1
        self._silence.update(reasons)
        if self._silent_steps == STEPS_BEFORE_WARNING:
            listed = ", ".join(f"{reason} ({n} times)" for reason, n in self._silence.most_common())
            self._logger.warning(
                "No draft token was proposed for %d steps: %s.", STEPS_BEFORE_WARNING, listed
            )
