"""Which finished responses stay as draft material, and for how long.

A finished response first serves the requests that ran beside it: its siblings. When the last of
those has finished it goes into the history, if there is one. The history has a budget of tokens.
Above it the oldest epoch of a prompt goes first, of the prompt that was used least recently; where
no prompt has more than one epoch left, whole prompts go, the least recently used first. An epoch of
a prompt begins with a request when none is live, or when the one before holds all that it may: a
prompt that is always live would otherwise have one endless epoch, which goes as a whole.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

# Without a bound, one endless answer would hold all short ones of a prompt that is asked always.
MOST_SIBLINGS = 64
# Responses of an epoch; a group of GRPO seldom has more.
LONGEST_EPOCH = 64


class Finished(NamedTuple):
    """A finished response: its text in the index, its tokens, and when it finished."""

    text: int
    num_tokens: int
    time: int


@dataclass(eq=False)
class Prompt:
    """A prompt of the index, and its responses.

    Attributes:
        text: its text in the index.
        key: what it is found by.
        num_tokens: its length.
        live: when each live response began, oldest first.
        siblings: finished responses beside which one of those ran, oldest first.
        epochs: responses in the history, oldest epoch first.
        epoch: number of the present epoch.
    """

    text: int
    key: bytes
    num_tokens: int
    live: dict[int, int] = field(default_factory=dict)
    siblings: deque[Finished] = field(default_factory=deque)
    epochs: OrderedDict[int, list[Finished]] = field(default_factory=OrderedDict)
    epoch: int = 0

    def begin(self, text: int, time: int) -> None:
        """Note a live response."""
        if not self.live:
            self.epoch += 1
        self.live[text] = time

    def end(self, response: Finished) -> None:
        """Note that a response has finished."""
        del self.live[response.text]
        self.siblings.append(response)

    def outlived(self) -> Iterator[Finished]:
        """Yield those siblings that serve no live response any more, and drop them."""
        oldest = next(iter(self.live.values()), None)
        while self.siblings and (
            oldest is None or self.siblings[0].time < oldest or len(self.siblings) > MOST_SIBLINGS
        ):
            yield self.siblings.popleft()

    def texts(self) -> Iterator[int]:
        """Yield its text and those of all responses, oldest first."""
        yield self.text
        for responses in (*self.epochs.values(), self.siblings):
            yield from (response.text for response in responses)
        yield from self.live

    @property
    def is_unused(self) -> bool:
        """Whether nothing of it is left but itself."""
        return not (self.live or self.siblings or self.epochs)


class History:
    """The responses of earlier epochs, within a budget of tokens.

    >>> history, prompt = History(budget=100), Prompt(text=1, key=b"prompt", num_tokens=10)
    >>> prompt.begin(text=2, time=1)
    >>> prompt.end(Finished(text=2, num_tokens=50, time=2))
    >>> (response,) = prompt.outlived()
    >>> history.takes(prompt, response)
    True
    >>> history.add(prompt, response)
    >>> history.num_tokens, list(history.overflow())
    (60, [])

    Attributes:
        budget: tokens of prompts and responses that may stay.
        num_tokens: those that are in the history.
    """

    def __init__(self, budget: int) -> None:
        """Begin with nothing; a budget of 0 keeps nothing."""
        self.budget = budget
        self.num_tokens = 0
        # In the order of last use, which is when a response began or came into the history. The
        # second holds the prompts with more than one epoch.
        self._prompts: OrderedDict[Prompt, None] = OrderedDict()
        self._repeated: OrderedDict[Prompt, None] = OrderedDict()

    def use(self, prompt: Prompt) -> None:
        """Note that a prompt is used."""
        for prompts in (self._prompts, self._repeated):
            if prompt in prompts:
                prompts.move_to_end(prompt)

    def takes(self, prompt: Prompt, response: Finished) -> bool:
        """Say whether a response is worth keeping: it has tokens, and fits with its prompt."""
        return 0 < response.num_tokens <= self.budget - prompt.num_tokens

    def add(self, prompt: Prompt, response: Finished) -> None:
        """Keep a response that it takes, beyond the budget until `overflow` is called."""
        if not prompt.epochs:
            self._prompts[prompt] = None
            self.num_tokens += prompt.num_tokens
        if len(prompt.epochs.get(prompt.epoch, ())) == LONGEST_EPOCH:
            prompt.epoch += 1
        prompt.epochs.setdefault(prompt.epoch, []).append(response)
        self.num_tokens += response.num_tokens
        if len(prompt.epochs) > 1:
            self._repeated[prompt] = None
        self.use(prompt)

    def overflow(self) -> Iterator[tuple[Prompt, list[Finished]]]:
        """Yield what goes until the budget holds: an epoch of a prompt each time."""
        while self.num_tokens > self.budget:
            prompt = next(iter(self._repeated or self._prompts))
            _, responses = prompt.epochs.popitem(last=False)
            self.num_tokens -= sum(response.num_tokens for response in responses)
            if len(prompt.epochs) < 2:
                self._repeated.pop(prompt, None)
            if not prompt.epochs:
                del self._prompts[prompt]
                self.num_tokens -= prompt.num_tokens
            yield prompt, responses
