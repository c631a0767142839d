"""A ledger of an engine's steps: a JSON line for each, for people who ask what a step did."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "VLLM_SPECULATION_LEDGER"


@dataclass
class LedgerStep:
    """What is known of a step.

    Attributes:
        step: its number, from 0 on.
        began_s: seconds on the host's clock when it began; only differences mean something.
        runner: which of vLLM's model runners ran it, 1 or 2.
        async_scheduling: whether it was scheduled before the step before it was complete.
        graph: FULL, PIECEWISE, or NONE where the model ran without a graph.
        padded_tokens: tokens that the model computed.
        padded_requests: requests that the graph is made for; None where it is for any number.
        requests: requests of the step.
        tokens: their tokens, drafts included.
        drafted_requests: requests with a draft, or with room for one.
        draft_room: draft tokens that were scheduled.
        draft_tokens: those that were computed; room that no draft fills is taken away in some
            runners.
        accepted_tokens: draft tokens that the target model accepted; None where the output was
            never asked for.
        sampled_tokens: tokens that came out; None likewise.
        waits: how often the host waited for an event of the device, while it prepared the step,
            ran it and drafted after it.
        device_ms: milliseconds of the device from begin to end of the step; None where the device
            does not say.
    """

    step: int
    began_s: float
    runner: int
    async_scheduling: bool
    graph: str = "NONE"
    padded_tokens: int = 0
    padded_requests: int | None = None
    requests: int = 0
    tokens: int = 0
    drafted_requests: int = 0
    draft_room: int = 0
    draft_tokens: int = 0
    accepted_tokens: int | None = None
    sampled_tokens: int | None = None
    waits: int = 0
    device_ms: float | None = None


class Ledger:
    """Writes steps to a file of this process, in their order, each as soon as its time is known.

    Attributes:
        path: the file.
    """

    def __init__(self, folder: str) -> None:
        """Begin the file of this process.

        Raises:
            ValueError: it cannot be written.
        """
        self.path = Path(folder) / f"steps-{os.getpid()}.jsonl"
        self._complete: deque[tuple[LedgerStep, Callable[[], float | None] | None]] = deque()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
        except OSError as error:
            raise ValueError(
                f"{VARIABLE}={folder} must be a folder for files of steps: {error.strerror}."
            ) from None

    def add(self, step: LedgerStep, time: Callable[[], float | None] | None = None) -> None:
        """Add a step that is complete.

        Args:
            step: what is known of it.
            time: returns its milliseconds on the device, None until they are known; None where
                the device does not say.
        """
        self._complete.append((step, time))
        while self._complete:
            step, time = self._complete[0]
            if time is not None and (milliseconds := time()) is None:
                return
            if time is not None:
                step.device_ms = milliseconds
            self._complete.popleft()
            with self.path.open("a") as file:
                file.write(json.dumps(asdict(step)) + "\n")
