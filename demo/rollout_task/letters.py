"""A reward that a small policy learns in thirty steps, as verl loads it: words, not numbers."""

from typing import Any


def compute_score(
    data_source: str,  # noqa: ARG001 - verl names its arguments
    solution_str: str,
    ground_truth: str,  # noqa: ARG001
    **_extra: Any,  # noqa: ANN401
) -> float:
    """Return the share of small letters in an answer, 0 to 1."""
    return sum(letter.islower() for letter in solution_str) / max(len(solution_str), 1)
