"""How a rollout goes in an engine, event by event.

Between two events, the end of an answer and the admission of a request, all steps are alike but for
the context, which grows evenly; a rollout of N answers has at most N such stretches. A request gets
the mean number of tokens in each of its steps. As in vLLM, the step that computes a prompt yields
the first token, and in a step with more than a threshold's requests nothing is speculated.

What is left out: preemption, prompts that are computed in chunks over several steps, and that a
request accepts more the longer its answer becomes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from planner.acceptance_profile import AcceptanceProfile
from planner.cost_model import Load, StepCost

Floats = npt.NDArray[np.float64]
Groups = Sequence[Sequence[int]]

# Of a token: sums of fractions miss the end of an answer by less.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Speculation:
    """Drafts with this acceptance, in steps of at most ``threshold`` requests.

    A threshold of 0 or less never switches speculation off.

    >>> Speculation(8, AcceptanceProfile([1.0], [0.5])).is_on(running=9)
    False
    """

    threshold: int
    profile: AcceptanceProfile

    def is_on(self, running: int) -> bool:
        """Say whether a step with so many requests speculates."""
        return self.threshold <= 0 or running <= self.threshold

    def load(self, running: int, decoding: int) -> dict[str, float]:
        """Return what a step's load has of speculation; requests that only begin have no draft."""
        if not self.is_on(running):
            return {"followed": running}
        return {
            "followed": running,
            "draft_tokens": decoding * self.profile.draft_tokens,
            "verifying": 1 - (1 - self.profile.drafted[0]) ** decoding,
        }


@dataclass(frozen=True)
class EngineShape:
    """How requests come to an engine: so many at a time, with prompts of so many tokens.

    With ``prefix_caching`` the prompt of a group is computed once.

    Example: ``EngineShape(max_num_seqs=128, prompt_tokens=86)``.
    """

    max_num_seqs: int
    prompt_tokens: int = 0
    prefix_caching: bool = True


@dataclass
class Timeline:
    """Stretches of like steps: the seconds, the steps, the requests and the tokens of each.

    >>> timeline = Timeline()
    >>> timeline.add(seconds=2.0, steps=4, running=3, tokens=12.0)
    >>> timeline.tokens_per_step
    1.0
    """

    seconds: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    running: list[int] = field(default_factory=list)
    tokens: list[float] = field(default_factory=list)

    def add(self, seconds: float, steps: int, running: int, tokens: float) -> None:
        """Append a stretch."""
        self.seconds.append(seconds)
        self.steps.append(steps)
        self.running.append(running)
        self.tokens.append(tokens)

    def tail(self, threshold: int) -> "Timeline":
        """Return the stretches with at most so many requests; all where it is 0 or less."""
        tail = Timeline()
        stretches = zip(self.seconds, self.steps, self.running, self.tokens, strict=True)
        for seconds, steps, running, tokens in stretches:
            if threshold <= 0 or running <= threshold:
                tail.add(seconds, steps, running, tokens)
        return tail

    @property
    def total_seconds(self) -> float:
        """Wall time of all stretches."""
        return sum(self.seconds)

    @property
    def tokens_per_step(self) -> float:
        """Mean tokens that a request gets in a step; 0 where there are no steps."""
        requests = sum(n * steps for n, steps in zip(self.running, self.steps, strict=True))
        return sum(self.tokens) / requests if requests else 0.0


def simulate(
    groups: Groups, shape: EngineShape, cost: StepCost, speculation: Speculation | None
) -> Timeline:
    """Return how one engine makes answers of these lengths, group by group in this order.

    Lengths are tokens from 1 on. ``speculation`` is None where the engine has no drafter.
    """
    engine = _Engine(groups, shape, cost, speculation)
    timeline = Timeline()
    while not engine.is_done:
        timeline.add(*engine.stretch())
    return timeline


class _Engine:
    """Requests in the order in which they are admitted, and those that run, as indices."""

    def __init__(
        self, groups: Groups, shape: EngineShape, cost: StepCost, speculation: Speculation | None
    ) -> None:
        self.shape, self.cost, self.speculation = shape, cost, speculation
        self.lengths = np.array([length for group in groups for length in group], np.float64)
        self.remaining = self.lengths.copy()
        self.prompts = self._prompts(groups)
        count = len(self.lengths)
        self.speeds = speculation.profile.speeds(count) if speculation else np.ones(count)
        self.running = np.empty(0, np.intp)
        self.num_admitted = 0

    def _prompts(self, groups: Groups) -> Floats:
        """Return the prompt tokens that are computed for each request."""
        if not self.shape.prefix_caching:
            return np.full(len(self.lengths), float(self.shape.prompt_tokens))
        first = [i == 0 for group in groups for i in range(len(group))]
        return np.where(first, float(self.shape.prompt_tokens), 0.0)

    @property
    def is_done(self) -> bool:
        """Whether all answers have ended."""
        return not len(self.running) and self.num_admitted == len(self.lengths)

    def stretch(self) -> tuple[float, int, int, float]:
        """Step once if that computes prompts, else until an answer ends.

        Returns the seconds, the steps, the requests that run, and their new tokens.
        """
        decoding = len(self.running)
        prompt_tokens = self._admit()
        speed = self._speeds(decoding)
        remaining = self.remaining[self.running]
        is_plain = decoding == len(self.running)
        steps = max(1, int(np.ceil((remaining / speed).min() - ROUNDING))) if is_plain else 1
        load = self._load(decoding, prompt_tokens, float(speed.sum()) * (steps - 1) / 2)
        new = np.minimum(steps * speed, remaining)
        self.remaining[self.running] -= new
        stretch = steps * self.cost.seconds(load), steps, len(self.running), float(new.sum())
        self.running = self.running[remaining - new > ROUNDING]
        return stretch

    def _admit(self) -> float:
        """Let requests in while there is room; return the prompt tokens to compute for them."""
        room = self.shape.max_num_seqs - len(self.running)
        end = min(self.num_admitted + room, len(self.lengths))
        admitted = np.arange(self.num_admitted, end)
        self.running = np.concatenate([self.running, admitted])
        self.num_admitted = end
        return float(self.prompts[admitted].sum())

    def _speeds(self, decoding: int) -> Floats:
        """Return the tokens a step of each running request, those that decode first."""
        speed = np.ones(len(self.running))
        if self.speculation and self.speculation.is_on(len(self.running)):
            speed[:decoding] = self.speeds[self.running[:decoding]]
        return speed

    def _load(self, decoding: int, prompt_tokens: float, grown: float) -> Load:
        """Return the load of the steps, in whose middle contexts have grown by so many tokens."""
        done = self.lengths[self.running] - self.remaining[self.running]
        context = len(self.running) * self.shape.prompt_tokens + float(done.sum()) + grown
        count = len(self.running)
        drafts = self.speculation.load(count, decoding) if self.speculation else {}
        return Load(count, context, prompt_tokens, **drafts)


def dealt(groups: Groups, num_engines: int) -> list[Groups]:
    """Deal groups to engines in turn: an engine has all samples of a prompt."""
    return [groups[i::num_engines] for i in range(min(num_engines, len(groups)))]
