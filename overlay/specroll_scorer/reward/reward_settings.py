"""What the reward is configured with."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from specroll_scorer.answers.target_answers import Answers
from specroll_scorer.reward.draft_worth import Coefficients, RewardError
from specroll_scorer.reward.rewards import Rewards
from specroll_scorer.serving.endpoint import Endpoint


@dataclass(frozen=True)
class RewardSettings:
    """Coefficients, and who completes.

    Attributes:
        completion_url: where the target is served, like http://127.0.0.1:8000.
        completion_model: its name there; the only one there where it is None.
        max_completion_tokens: most tokens of a completion.
        timeout_s: seconds that a completion may take.
        retries: how often a completion is asked for again.
        concurrency: requests at a time.
        alpha: see `Coefficients`.
        beta: see `Coefficients`.
        gamma: see `Coefficients`.
        tokenizer_path: where the tokenizer lies, for callers that have none.

    Example:
        >>> given = {"completion_url": "http://127.0.0.1:8000", "gamma": 2.0}
        >>> RewardSettings.of(given).coefficients
        Coefficients(alpha=1.0, beta=0.5, gamma=2.0)
    """

    completion_url: str
    completion_model: str | None = None
    max_completion_tokens: int = 1024
    timeout_s: float = 600.0
    retries: int = 3
    concurrency: int = 64
    alpha: float = Coefficients.alpha
    beta: float = Coefficients.beta
    gamma: float = Coefficients.gamma
    tokenizer_path: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> RewardSettings:
        """Make settings from their names and values.

        Raises:
            RewardError: a name that there is not, or no completion_url.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(given.keys() - names)
        if unknown:
            raise RewardError(
                f"The SPD reward has no setting {', '.join(unknown)}; there are: "
                f"{', '.join(sorted(names))}"
            )
        if not given.get("completion_url"):
            raise RewardError(
                "The SPD reward needs completion_url, the address of a server of the target: set "
                "+reward_model.reward_kwargs.completion_url=http://HOST:PORT"
            )
        return cls(**given)

    @classmethod
    def with_environment(cls, given: Mapping[str, Any]) -> RewardSettings:
        """Make settings, those not given from the environment: SPD_COMPLETION_URL and so on.

        Raises:
            RewardError: as `of`, or a variable that holds no number where one is needed.
        """
        chosen = dict(given)
        for field in dataclasses.fields(cls):
            variable = f"SPD_{field.name.upper()}"
            if field.name not in chosen and variable in os.environ:
                chosen[field.name] = _number_or_text(variable, field.default)
        return cls.of(chosen)

    @property
    def coefficients(self) -> Coefficients:
        """Weights of the scenarios; a RewardError where they make no sense."""
        return Coefficients(self.alpha, self.beta, self.gamma)

    def rewards(self, tokenizer: Any) -> Rewards:
        """Return the rewards that these settings describe.

        Args:
            tokenizer: the target's.

        Raises:
            RewardError: coefficients that make no sense.
        """
        endpoint = Endpoint(
            self.completion_url,
            model=self.completion_model,
            timeout_s=self.timeout_s,
            retries=self.retries,
            concurrency=self.concurrency,
        )
        answers = Answers(endpoint, tokenizer, self.max_completion_tokens)
        return Rewards(answers, self.coefficients)


def _number_or_text(variable: str, default: Any) -> Any:
    """Return the value of an environment variable, of its default's type."""
    kind = type(default) if isinstance(default, int | float) else str
    try:
        return kind(os.environ[variable])
    except ValueError:
        raise RewardError(f"{variable} is {os.environ[variable]!r}: give a number") from None
