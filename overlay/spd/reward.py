"""What a scorer's decisions on one draft are worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spd.answers import Answers, Question


class RewardError(ValueError):
    """Coefficients or samples that make no sense."""


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
    """Scores decisions by completing what they accept, in one batch.

    Args:
        answers: completes with the target and checks.
        coefficients: weights of the outcomes.
    """

    def __init__(self, answers: Answers, coefficients: Coefficients) -> None:
        self.answers = answers
        self.coefficients = coefficients

    def score(
        self, decisions: Sequence[Sequence[int]], samples: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, float]]:
        """Score one batch.

        Args:
            decisions: a row for each draft, 1 where a token is accepted.
            samples: the drafts, as `SPDRLHFDataset` hands them on in `extra_info`.

        Returns:
            `score` and its parts for each draft: `accepted_length`, `lossless_length`, `right`, one
            number for each scenario (1 for the one that it is), and, for all or none of the batch,
            how many `harmless` and `harmful` mismatches the draft has and how many of these were
            `accepted_harmless` and `accepted_harmful` (0 where the outcomes are not known).

        Raises:
            CompletionError: the target could not complete a sample.
            RewardError: decisions that do not fit their draft.
        """
        accepted = [
            leading_accepts(row, sample) for row, sample in zip(decisions, samples, strict=True)
        ]
        questions = [
            Question(
                context=list(sample["context_ids"]),
                prefix=list(sample["draft_ids"][:length]),
                ground_truth=sample["ground_truth"],
                checker=sample["checker"],
                name=sample["place"],
            )
            for length, sample in zip(accepted, samples, strict=True)
        ]
        right = self.answers.right(questions)
        return [self.parts(*one) for one in zip(decisions, samples, accepted, right, strict=True)]

    def parts(
        self, decisions: Sequence[int], sample: Mapping[str, Any], accepted: int, right: bool
    ) -> dict[str, float]:
        """Score and parts of one draft."""
        mismatches = mismatches_of(sample)
        drafted = len(sample["draft_ids"])
        lossless = mismatches[0] if mismatches else drafted
        decided = Decided(accepted, lossless, drafted, right)
        return {
            "score": decided.reward(self.coefficients),
            "accepted_length": float(accepted),
            "lossless_length": float(lossless),
            "right": float(right),
            **{name: float(name == decided.scenario) for name in SCENARIOS},
            **judged(decisions, mismatches, sample.get("outcomes")),
        }


def mismatches_of(sample: Mapping[str, Any]) -> list[int]:
    """Positions in the draft where it differs from the target's choice."""
    pairs = zip(sample["draft_ids"], sample["target_ids"], strict=True)
    return [position for position, (draft, target) in enumerate(pairs) if draft != target]


def leading_accepts(decisions: Sequence[int], sample: Mapping[str, Any]) -> int:
    """Number of draft tokens before the first rejection.

    Raises:
        RewardError: there is not one decision for each draft token.
    """
    drafted = len(sample["draft_ids"])
    if len(decisions) != drafted:
        raise RewardError(
            f"{sample['place']}: {len(decisions)} decisions for {drafted} draft tokens; "
            "data.max_response_length must hold the longest draft"
        )
    return next((i for i, decision in enumerate(decisions) if not decision), drafted)


def judged(
    decisions: Sequence[int], mismatches: Sequence[int], outcomes: Sequence[bool] | None
) -> dict[str, float]:
    """How many harmless and harmful mismatches there are, and how many of them were accepted.

    A mismatch is harmful where the target ends right without it and wrong with it, and harmless where
    it ends right with and without it.
    """
    counts = dict.fromkeys(("harmless", "accepted_harmless", "harmful", "accepted_harmful"), 0.0)
    if outcomes is None:
        return counts
    for position, without, with_it in zip(mismatches, outcomes, outcomes[1:], strict=False):
        if without:
            kind = "harmless" if with_it else "harmful"
            counts[kind] += 1
            counts[f"accepted_{kind}"] += bool(decisions[position])
    return counts
