"""The task's reward, as verl loads it: `reward.custom_reward_function.path`."""

from typing import Any


def compute_score(
    data_source: str,  # noqa: ARG001 - verl names its arguments
    solution_str: str,
    ground_truth: str,
    **_extra: Any,  # noqa: ANN401
) -> float:
    """Return the share of the solution's lines that an answer has at their places, 0 to 1.

    Half of it is for the last line, the result.
    """
    expected, written = ground_truth.splitlines(), solution_str.splitlines()
    right = sum(line == other for line, other in zip(expected, written, strict=False))
    result = bool(written) and written[-1] == expected[-1]
    return (right / len(expected) + result) / 2
