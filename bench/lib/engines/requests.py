"""The requests of a rollout: groups that share a prompt, with limits that differ."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WORDS_TO_AVOID = 2


@dataclass(frozen=True)
class Request:
    """A prompt, as text or token ids, and keyword arguments of ``vllm.SamplingParams``.

    Example: ``Request("What is 2 + 3?", {"temperature": 0.0, "max_tokens": 20})``.
    """

    prompt: str | list[int]
    sampling: Mapping[str, Any]


@dataclass(frozen=True)
class Shape:
    """How the requests of a rollout differ.

    Greedy answers to one prompt would all be the same, so each sample of a group but the first must
    do without `WORDS_TO_AVOID` words of the prompt, others for each, and others in each epoch.

    Example: ``Shape(group=2, shortest=5, longest=50, temperature=0.0).requests(["one two"], 2)``
    are two requests with this prompt, one of 5 and one of 50 tokens at most.

    Attributes:
        group: requests that share a prompt.
        shortest: smallest limit of an answer, tokens.
        longest: largest limit of an answer, tokens.
        temperature: of sampling; 0 is greedy.
    """

    group: int
    shortest: int
    longest: int
    temperature: float

    def num_prompts(self, batch: int) -> int:
        """Return how many prompts so many requests have."""
        return -(-batch // self.group)

    def requests(self, prompts: Sequence[str], batch: int, epoch: int = 0) -> list[Request]:
        """Return the requests of a rollout; the last group may be smaller than the others."""
        requests = []
        for i, limit in enumerate(spread_lengths(batch, self.shortest, self.longest)):
            prompt, sample = prompts[i // self.group], i % self.group
            sampling = self._sampling(prompt, sample, epoch)
            requests.append(Request(prompt, {**sampling, "max_tokens": limit}))
        return requests

    def _sampling(self, prompt: str, sample: int, epoch: int) -> dict[str, Any]:
        if self.temperature > 0:
            return {"temperature": self.temperature, "seed": epoch * self.group + sample}
        if sample == epoch == 0:
            return {"temperature": 0.0}
        words = re.findall(r"\w+", prompt)
        first = len(words) * sample // self.group + WORDS_TO_AVOID * epoch
        return {"temperature": 0.0, "bad_words": words[first : first + WORDS_TO_AVOID]}


def spread_lengths(count: int, shortest: int, longest: int) -> list[int]:
    """Return lengths in tokens, even in logarithm, always in the same disorder."""
    intervals = max(count - 1, 1)
    lengths = [round(longest * (shortest / longest) ** (i / intervals)) for i in range(count)]
    random.Random(0).shuffle(lengths)
    return lengths
