"""Goes through recorded samples as if the target model had generated them again.

Teacher-forced: at each step the draft tokens that agree with the sample are accepted, as greedy
verification would. A drafter sees what it would see in an engine: one call a step for all requests
that run, rows that change as requests end, and the last tokens of a request before it is finished.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from bench.lib.drafters.peers import Drafter
from bench.lib.samples.traces import Pass, Rollout, Sample, Tokens

# Positions in an answer are counted in classes: below 64, then as far again as all before.
FIRST_CLASS_BITS = 6
NUM_CLASSES = 12


def class_of(position: int) -> int:
    """Return the class of a position in the answer."""
    return min((position >> FIRST_CLASS_BITS).bit_length(), NUM_CLASSES - 1)


def class_start(position_class: int) -> int:
    """Return the first position of a class."""
    return (1 << (FIRST_CLASS_BITS + position_class)) >> 1 if position_class else 0


@dataclass
class Acceptance:
    """Sums over steps, and tokens and steps for each class of positions in the answer.

    ``draft_lengths`` and ``accepted_lengths`` count the steps with so many tokens proposed and
    accepted.

    >>> total = Acceptance()
    >>> total.add(position=0, emitted=3, proposed=3, accepted=2)
    >>> total.tokens_per_step
    3.0
    """

    tokens: int = 0
    steps: int = 0
    proposed: int = 0
    accepted: int = 0
    tokens_at: list[int] = field(default_factory=lambda: [0] * NUM_CLASSES)
    steps_at: list[int] = field(default_factory=lambda: [0] * NUM_CLASSES)
    draft_lengths: Counter[int] = field(default_factory=Counter)
    accepted_lengths: Counter[int] = field(default_factory=Counter)

    def add(self, position: int, emitted: int, proposed: int, accepted: int) -> None:
        """Count a step that began at a position of the answer."""
        self.tokens += emitted
        self.steps += 1
        self.proposed += proposed
        self.accepted += accepted
        self.tokens_at[class_of(position)] += emitted
        self.steps_at[class_of(position)] += 1
        self.draft_lengths[proposed] += 1
        self.accepted_lengths[accepted] += 1

    @property
    def tokens_per_step(self) -> float:
        """Mean tokens a step, the bonus token included."""
        return self.tokens / max(self.steps, 1)

    @property
    def acceptance_rate(self) -> float:
        """Share of the proposed tokens that were accepted."""
        return self.accepted / max(self.proposed, 1)

    @property
    def proposed_per_step(self) -> float:
        """Mean tokens proposed a step."""
        return self.proposed / max(self.steps, 1)


def steps_reaching(lengths: Counter[int], longest: int) -> list[int]:
    """Return for each place from 1 to ``longest`` how many of the lengths reach it."""
    return [sum(n for length, n in lengths.items() if length >= i) for i in range(1, longest + 1)]


class Request:
    """A sample that is being decoded.

    >>> sample = Sample(np.array([5, 6, 7], np.int32), [(0, 3)])
    >>> request, total = Request("request", np.array([1, 2], np.int32), sample), Acceptance()
    >>> request.verify([5, 9], total)
    >>> total.accepted, request.num_tokens
    (1, 4)
    """

    def __init__(self, name: str, prompt: Tokens, sample: Sample) -> None:
        """Begin in front of the first token that the model generated."""
        self.name = name
        self.prompt_length = len(prompt)
        self._turns: Iterator[tuple[int, int]] = iter(sample.turns)
        # As a list: single elements are read, which is slow in an array.
        self._answer: list[int] = sample.tokens.tolist()
        self._position, self._turn_end = next(self._turns)
        self.is_over = False

    @property
    def num_tokens(self) -> int:
        """Tokens that there are so far."""
        return self.prompt_length + self._position

    def verify(self, draft: Sequence[int], total: Acceptance) -> None:
        """Accept what agrees with the sample, and go on by one token more."""
        start = self._position
        expected = self._answer[start : min(start + len(draft), self._turn_end)]
        accepted = next(
            (i for i, (token, right) in enumerate(zip(draft, expected)) if token != right),  # noqa: B905
            len(expected),
        )
        emitted = min(accepted + 1, self._turn_end - start)
        total.add(start, emitted, len(draft), accepted)
        self._position += emitted
        if self._position == self._turn_end:
            self._begin_next_turn()

    def _begin_next_turn(self) -> None:
        turn = next(self._turns, None)
        if turn is None:
            self._position = len(self._answer)
            self.is_over = True
        else:
            self._position, self._turn_end = turn


def batch_of(rollout: Rollout) -> Tokens:
    """Return an array with the prompt and the sample in each row, as an engine's input batch."""
    longest = max((len(sample.tokens) for sample in rollout.samples), default=0)
    batch = np.zeros((len(rollout.samples), len(rollout.prompt) + longest), np.int32)
    batch[:, : len(rollout.prompt)] = rollout.prompt
    for row, sample in zip(batch, rollout.samples, strict=True):
        row[len(rollout.prompt) :][: len(sample.tokens)] = sample.tokens
    return batch


def decode(
    drafter: Drafter, rollout: Rollout, names: Iterator[str], longest_draft: int, total: Acceptance
) -> None:
    """Decode the samples of a rollout side by side and add their steps to `total`."""
    batch = batch_of(rollout)
    running = [
        Request(name, rollout.prompt, sample)
        for sample, name in zip(rollout.samples, names)  # noqa: B905
    ]
    while running:
        drafts = drafter.step(
            [request.name for request in running],
            batch,
            [request.num_tokens for request in running],
            [request.prompt_length for request in running],
            [0 if request.is_over else longest_draft for request in running],
        )
        for row in reversed(range(len(running))):
            if running[row].is_over:
                drafter.finish([running[row].name])
                close_row(running, batch, row)
            else:
                running[row].verify(drafts[row], total)


def close_row(running: list[Request], batch: Tokens, row: int) -> None:
    """Remove a request; the last one takes its row."""
    last = running.pop()
    if row < len(running):
        running[row] = last
        batch[row] = batch[len(running)]


def take_in(drafter: Drafter, rollout: Rollout, names: Iterator[str]) -> None:
    """Let a drafter know finished samples, without a draft."""
    batch = batch_of(rollout)
    for row, sample in enumerate(rollout.samples):
        name = next(names)
        num_tokens = [len(rollout.prompt) + len(sample.tokens)]
        drafter.step([name], batch[row : row + 1], num_tokens, [len(rollout.prompt)], [0])
        drafter.finish([name])


def replay(drafter: Drafter, work: Pass, longest_draft: int, total: Acceptance) -> None:
    """Let one drafter do the work of an engine, and add the steps that count to `total`."""
    names = map(str, count())
    for rollout in work.history:
        take_in(drafter, rollout, names)
    for rollout in work.rollouts:
        decode(drafter, rollout, names, longest_draft, total)
