"""What one draft is worth, once it is decided how much of it is accepted."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

SCENARIOS = ("free_speed", "harm", "safe", "not_its_doing")


class RewardError(ValueError):
    """Settings, coefficients or decisions that make no sense."""


@dataclass(frozen=True)
class Coefficients:
    """Weights of the four scenarios.

    Attributes:
        alpha: what accepting the whole draft adds to the 1 of a right answer.
        beta: for stopping where lossless verification stops, with a right answer.
        gamma: taken away, up to twice, where accepting more made the answer wrong.

    Raises:
        RewardError: one is negative or no number, or beta teaches to reject everything.

    Example:
        >>> Coefficients(alpha=0.5).beta
        0.5
    """

    alpha: float = 1.0
    beta: float = 0.5
    gamma: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        for name in (field.name for field in fields(self)):
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

    Attributes:
        accepted: L, number of draft tokens before the first rejection.
        lossless: L0, number of draft tokens before the first mismatch.
        drafted: D, number of draft tokens.
        right: whether the target's answer after the accepted ones is right.

    Example:
        >>> decided = Decided(accepted=6, lossless=2, drafted=10, right=True)
        >>> decided.scenario, decided.gain, decided.reward(Coefficients())
        ('free_speed', 0.5, 1.5)
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
        """Which of the four it is."""
        if self.accepted > self.lossless:
            return "free_speed" if self.right else "harm"
        return "safe" if self.right else "not_its_doing"

    def reward(self, coefficients: Coefficients) -> float:
        """Return what the scenario is worth."""
        worth = {
            "free_speed": 1 + coefficients.alpha * self.gain,
            "harm": -coefficients.gamma * (1 + self.gain),
            "safe": coefficients.beta,
            "not_its_doing": 0.0,
        }
        return worth[self.scenario]
