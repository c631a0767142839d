"""Functions that tell whether an answer is right, by the names that rows give them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache

from specroll_scorer.answers.mathematics import Mathematics, MathematicsError

Checker = Callable[[str, str], bool]

_MATHEMATICS = Mathematics()


class CheckerError(ValueError):
    """A checker that cannot be found or started, or a ground truth that it cannot read."""


@cache
def checker(name: str) -> Checker:
    """Return the function that takes an answer's text and the ground truth: is the answer right?

    Args:
        name: `math_verify`, for mathematics in plain text or LaTeX, or `module:function`.

    Raises:
        CheckerError: there is no such function.
    """
    if name == "math_verify":
        return math_verify
    module, _, function = name.partition(":")
    try:
        found: Checker = getattr(importlib.import_module(module), function)
    except (ImportError, ValueError, AttributeError) as error:
        raise CheckerError(
            f"there is no checker {name!r} ({error}); name math_verify, or module:function of a "
            f"module that can be imported"
        ) from error
    return found


def math_verify(answer: str, ground_truth: str) -> bool:
    """Tell whether the last expression of an answer equals the ground truth.

    Args:
        answer: a text with an expression in it, plain or in LaTeX.
        ground_truth: an expression.

    Raises:
        CheckerError: the ground truth is no expression, or math-verify does not start.
    """
    try:
        return _MATHEMATICS.equal(answer, ground_truth)
    except MathematicsError as error:
        raise CheckerError(str(error)) from error
