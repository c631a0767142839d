"""What a scorer's decisions on one draft are worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from specroll_scorer.answers.checkers import CheckerError
from specroll_scorer.answers.target_answers import Answers, Sample
from specroll_scorer.data.rows import Row
from specroll_scorer.data.stops import Stops
from specroll_scorer.serving.endpoint import CompletionError


class RewardError(ValueError):
    """Coefficients or samples that make no sense."""


FAILURES = (CheckerError, CompletionError, RewardError)


@dataclass(frozen=True)
class Coefficients:
    """Weights of the four outcomes.

    Args:
        alpha: what accepting the whole draft adds to the 1 of a right answer.
        beta: for stopping where lossless verification stops, with a right answer.
        gamma: taken away, up to twice, where accepting more made the answer wrong.

    Raises:
        RewardError: one is negative or no number, or beta teaches to reject everything.
    """

    alpha: float = 1.0
    beta: float = 0.5
    gamma: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        for name in ("alpha", "beta", "gamma"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and math.isfinite(value) and value >= 0):
                raise RewardError(f"{name} is {value!r}: give a number that is not negative")
        if self.beta >= 1 + self.alpha:
            raise RewardError(
                f"beta is {self.beta} and 1 + alpha is {1 + self.alpha}: stopping would pay as "
                "much as the best draft, and the scorer learns to reject all; make beta smaller"
            )


@dataclass(frozen=True)
class Decided:
    """One draft and what was decided.

    Args:
        accepted: L, number of draft tokens before the first rejection.
        lossless: L0, number of draft tokens before the first mismatch.
        drafted: D, number of draft tokens.
        right: whether the target's answer after the accepted ones is right.
    """

    accepted: int
    lossless: int
    drafted: int
    right: bool

    @property
    def gain(self) -> float:
        """Share of what could be won beyond lossless verification, 0 to 1."""
        return (self.accepted - self.lossless) / max(1, self.drafted - self.lossless)

    @property
    def scenario(self) -> str:
        """Which of the four outcomes it is."""
        if self.accepted > self.lossless:
            return "free_speed" if self.right else "harm"
        return "safe" if self.right else "not_its_doing"

    def reward(self, coefficients: Coefficients) -> float:
        """The outcome's worth."""
        worth = {
            "free_speed": 1 + coefficients.alpha * self.gain,
            "harm": -coefficients.gamma * (1 + self.gain),
            "safe": coefficients.beta,
            "not_its_doing": 0.0,
        }
        return worth[self.scenario]


SCENARIOS = ("free_speed", "harm", "safe", "not_its_doing")


class Rewards:
    """Scores decisions by completing what they accept, in one batch."""

    def __init__(self, answers: Answers, coefficients: Coefficients) -> None:
        """Take the target's answers, and the weights of the outcomes."""
        self.answers = answers
        self.coefficients = coefficients

    def score(
        self, decisions: Sequence[Sequence[int]], rows: Sequence[Row]
    ) -> list[dict[str, float]]:
        """Score one batch.

        Args:
            decisions: for each draft a number a token, 1 where it is accepted.
            rows: the drafts.

        Returns:
            `score` and its parts for each draft: `accepted_length`, `lossless_length`, `right`, one
            number for each scenario (1 for the one that it is), and those of `judged`.

        Raises:
            CompletionError: the target could not complete a sample.
            RewardError: decisions that do not fit their draft.
        """
        accepted = [leading_accepts(*each) for each in zip(decisions, rows, strict=True)]
        completed = [
            Sample(
                context=row.context.tolist(),
                accepted=row.draft[:length].tolist(),
                ground_truth=row.ground_truth,
                checker=row.checker,
                name=row.place,
            )
            for length, row in zip(accepted, rows, strict=True)
        ]
        decided = [
            Decided(length, int(row.stops[0]), len(row.draft), right)
            for length, row, right in zip(
                accepted, rows, self.answers.right(completed), strict=True
            )
        ]
        return [
            {**self.parts(each), **judged(taken, row)}
            for each, taken, row in zip(decided, decisions, rows, strict=True)
        ]

    def parts(self, decided: Decided) -> dict[str, float]:
        """The score of one draft and what it comes from."""
        return {
            "score": decided.reward(self.coefficients),
            "accepted_length": float(decided.accepted),
            "lossless_length": float(decided.lossless),
            "right": float(decided.right),
            **{name: float(name == decided.scenario) for name in SCENARIOS},
        }


def leading_accepts(decisions: Sequence[int], row: Row) -> int:
    """Number of draft tokens before the first rejection.

    Raises:
        RewardError: there is not one decision for each draft token.
    """
    drafted = len(row.draft)
    if len(decisions) != drafted:
        raise RewardError(
            f"{row.place}: {len(decisions)} decisions for {drafted} draft tokens; "
            "data.max_response_length must hold the longest draft"
        )
    return next((i for i, decision in enumerate(decisions) if not decision), drafted)


def judged(decisions: Sequence[int], row: Row) -> dict[str, float]:
    """How many mismatches do harm or none, and how many of either were accepted.

    What does harm is said by `Stops`. All are 0 where the row has no outcomes.

    Returns:
        `harmless`, `accepted_harmless`, `harmful`, `accepted_harmful`.
    """
    if row.outcomes is None:
        names = ("harmless", "accepted_harmless", "harmful", "accepted_harmful")
        return dict.fromkeys(names, 0.0)
    stops = Stops.of([row])
    taken = np.asarray(decisions, dtype=bool)[row.mismatches]
    return {
        name: float(count)
        for kind, is_kind in (("harmless", stops.harmless), ("harmful", stops.harmful))
        for name, count in ((kind, is_kind.sum()), (f"accepted_{kind}", (is_kind & taken).sum()))
    }
