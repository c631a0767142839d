"""What a drafter learns from an engine that is a step ahead of its own results.

Where steps overlap, the host does not know what the last one sampled. It comes with the copy that
the engine makes of every step's tokens for its output. Requests that begin and end, and those
copies, are kept in order until they can be taken in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from sam_drafting import SamDrafter

    from specroll_speculation.monitor import DraftMonitor


NO_TOKEN = -1  # behind the last new token of a row


class Event(Protocol):
    """When a copy is complete; one of PyTorch's events."""

    def query(self) -> bool:
        """Say whether it is."""

    def synchronize(self) -> None:
        """Wait for it."""


@dataclass(frozen=True)
class Begun:
    """A request that begins, or comes back.

    Attributes:
        req_id: its id.
        token_ids: int32 [tokens] all that it has now, which nobody else changes.
        num_prompt_tokens: how many of them are its prompt.
    """

    req_id: str
    token_ids: npt.NDArray[np.int32]
    num_prompt_tokens: int

    is_ready = True

    def take_in(self, drafter: SamDrafter) -> None:
        """Let the drafter know it."""
        lengths = [len(self.token_ids)], [self.num_prompt_tokens]
        drafter.step([self.req_id], self.token_ids[None], *lengths, 0)


@dataclass(frozen=True)
class Ended:
    """Requests that are finished or aborted.

    Attributes:
        req_ids: their ids.
        num_tokens: where the answer ends, with its prompt, by id. Of one that is not there nothing
            is kept: the runner makes some up to warm up.
    """

    req_ids: Collection[str]
    num_tokens: Mapping[str, int]

    is_ready = True

    def take_in(self, drafter: SamDrafter) -> None:
        """Let the drafter forget what lies beyond the ends."""
        drafter.finish(self.req_ids, {each: self.num_tokens.get(each, 0) for each in self.req_ids})


@dataclass(frozen=True)
class Sampled:
    """What a step has sampled, on its way to the host.

    Attributes:
        req_ids: the requests of the step.
        token_ids: [requests, longest draft + 1] the new tokens of each, on the host.
        counted: [requests] how many they are, 0 where a prompt is not complete; None where the
            engine does not count, but writes -1 behind the last.
        event: when both are there.
        source: what is copied, whose memory must not be used again before.
        discarded: rows whose tokens count for nothing, where the engine does not count.
    """

    req_ids: list[str]
    token_ids: npt.NDArray[Any]
    counted: npt.NDArray[Any] | None
    event: Event
    source: object
    discarded: Sequence[int] = ()

    @property
    def is_ready(self) -> bool:
        """Whether the tokens are there."""
        return self.event.query()

    @property
    def num_tokens(self) -> npt.NDArray[Any]:
        """[requests] how many new tokens each has, 0 where its prompt is not complete."""
        if self.counted is not None:
            return self.counted
        num_tokens: npt.NDArray[Any] = (self.token_ids != NO_TOKEN).sum(axis=1)
        num_tokens[list(self.discarded)] = 0
        return num_tokens

    @property
    def num_accepted(self) -> int:
        """How many draft tokens were accepted: all that were sampled but one a request."""
        return int(np.maximum(self.num_tokens - 1, 0).sum())

    @property
    def last_tokens(self) -> npt.NDArray[Any]:
        """[requests] the newest token of each, 0 where there is none."""
        num_tokens = self.num_tokens
        rows = np.arange(len(self.req_ids))
        return np.where(num_tokens > 0, self.token_ids[rows, num_tokens - 1], 0)

    def take_in(self, drafter: SamDrafter, limit: int = 0) -> list[list[int]]:
        """Let the drafter know the tokens, and return a draft for each request that has some."""
        new = np.ascontiguousarray(self.token_ids, np.int32)
        num_tokens = self.num_tokens
        return drafter.advance(self.req_ids, new, num_tokens, np.where(num_tokens > 0, limit, 0))


class Feed:
    """Brings a drafter up to date, as far as the engine's results are there."""

    def __init__(self, drafter: SamDrafter, monitor: DraftMonitor) -> None:
        """Begin with nothing to take in.

        Args:
            drafter: what learns.
            monitor: is told how many draft tokens were accepted.
        """
        self._drafter = drafter
        self._monitor = monitor
        self._waiting: deque[Begun | Ended | Sampled] = deque()

    def add(self, news: Begun | Ended | Sampled) -> None:
        """Note what happened; nothing is taken in yet."""
        self._waiting.append(news)

    def take_in_ready(self) -> None:
        """Take in what is there, up to the first step whose tokens are not; never wait."""
        while self._waiting and self._waiting[0].is_ready:
            self._take_in_next()

    def draft(self, sampled: Sampled, limit: int) -> list[list[int]]:
        """Wait for the newest step, take in everything, and draft for that step's requests.

        Args:
            sampled: what the step has sampled, which is not to be added.
            limit: most draft tokens a request.

        Returns:
            Draft tokens a request, none where its prompt is not complete.
        """
        sampled.event.synchronize()
        # The steps before it are complete, too: all copies are on one stream.
        while self._waiting:
            self._take_in_next()
        self._monitor.record_accepted(sampled.num_accepted)
        return sampled.take_in(self._drafter, limit)

    def _take_in_next(self) -> None:
        news = self._waiting.popleft()
        if isinstance(news, Sampled):
            self._monitor.record_accepted(news.num_accepted)
        news.take_in(self._drafter)
