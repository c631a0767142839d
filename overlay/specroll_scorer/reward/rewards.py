"""What a scorer's decisions are worth, by what the target makes of the drafts that they accept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from specroll_scorer.answers.checkers import CheckerError
from specroll_scorer.answers.target_answers import Answers, Sample
from specroll_scorer.data.rows import Row
from specroll_scorer.data.stops import Stops
from specroll_scorer.reward.draft_worth import SCENARIOS, Coefficients, Decided, RewardError
from specroll_scorer.serving.endpoint import CompletionError

# What a run of training ends with: what can be tried again has been.
FAILURES = (CheckerError, CompletionError, RewardError)


class Rewards:
    """Scores decisions by completing what they accept, in one batch.

    Example:
        With an endpoint and a tokenizer of the target, and rows as `read_rows` gives them:

            rewards = Rewards(Answers(endpoint, tokenizer, max_tokens=512), Coefficients())
            [parts] = rewards.score([[1, 1, 0, 1]], rows[:1])
            parts["score"], parts["accepted_length"]
    """

    def __init__(self, answers: Answers, coefficients: Coefficients) -> None:
        """Take the target's answers, and the weights of the scenarios."""
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
            CheckerError: a checker does not exist, or cannot read the ground truth.
            RewardError: decisions that do not fit their draft.
        """
        accepted = [leading_accepts(*each) for each in zip(decisions, rows, strict=True)]
        samples = [_sample(row, length) for row, length in zip(rows, accepted, strict=True)]
        right = self.answers.right(samples)
        return [
            {
                **self._parts(Decided(length, int(row.stops[0]), len(row.draft), is_right)),
                **judged(taken, row),
            }
            for length, row, is_right, taken in zip(accepted, rows, right, decisions, strict=True)
        ]

    def _parts(self, decided: Decided) -> dict[str, float]:
        """Return the score of one draft and what it comes from."""
        return {
            "score": decided.reward(self.coefficients),
            "accepted_length": float(decided.accepted),
            "lossless_length": float(decided.lossless),
            "right": float(decided.right),
            **{name: float(name == decided.scenario) for name in SCENARIOS},
        }


def _sample(row: Row, accepted: int) -> Sample:
    return Sample(
        context=row.context.tolist(),
        accepted=row.draft[:accepted].tolist(),
        ground_truth=row.ground_truth,
        checker=row.checker,
        name=row.place,
    )


def leading_accepts(decisions: Sequence[int], row: Row) -> int:
    """Return the number of draft tokens before the first rejection.

    Args:
        decisions: a number a draft token, 0 where it is rejected.
        row: with the draft.

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
    """Count the mismatches that do harm or none, and those of either that were accepted.

    What does harm is said by `Stops`. All are 0 where the row has no outcomes.

    Args:
        decisions: a number a draft token, 1 where it is accepted.
        row: with the draft.

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
