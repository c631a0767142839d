"""How solutions are worded, how often they are wrong, and the two tasks made of that."""

from collections.abc import Mapping
from dataclasses import dataclass

Shares = Mapping[str, float]


@dataclass(frozen=True)
class Wording:
    """The words of each slot of a step with their shares; "" says nothing there.

    ``operator_first`` is the share of steps written "+ 6 3" instead of "6 + 3", ``spelled`` that
    of results written "nine" instead of "9".

    Example: with ``equals={"=": 0.6, "is": 0.4}`` three of five equations have "=" and two
    have "is".
    """

    opening: Shares
    plus: Shares
    minus: Shares
    equals: Shares
    pause: Shares
    closing: Shares
    answer: Shares
    announces: Shares
    operator_first: float
    spelled: float = 0.0


@dataclass(frozen=True)
class Errors:
    """Shares of steps with a wrong result, the other operator, or another number.

    Example: ``Errors(result=0.07)`` gets every fourteenth result wrong.
    """

    result: float = 0.0
    operator: float = 0.0
    number: float = 0.0


@dataclass(frozen=True)
class Task:
    """A kind of draft errors.

    The draft model words its solutions as ``draft`` does and makes ``errors``. The target knows
    every wording of the draft, or a harmless one would throw it off.

    Example: ``TASKS["easy"].errors.result`` is 0.07.
    """

    target: Wording
    draft: Wording
    errors: Errors


def _target_wording(spelled: float) -> Wording:
    return Wording(
        opening={"": 0.64, "then": 0.12, "next": 0.12, "so": 0.12},
        plus={"+": 0.7, "plus": 0.3},
        minus={"-": 0.7, "minus": 0.3},
        equals={"=": 0.6, "is": 0.2, "gives": 0.2},
        pause={"": 0.7, "_": 0.3},
        closing={";": 0.6, ",": 0.2, ".": 0.2},
        answer={"answer": 0.6, "result": 0.2, "total": 0.2},
        announces={":": 0.7, "is": 0.3},
        operator_first=0.35,
        spelled=spelled,
    )


def _draft_wording(spelled: float) -> Wording:
    return Wording(
        opening={"": 0.85, "then": 0.05, "next": 0.05, "so": 0.05},
        plus={"+": 0.85, "plus": 0.15},
        minus={"-": 0.85, "minus": 0.15},
        equals={"=": 0.85, "is": 0.05, "gives": 0.1},
        pause={"": 0.88, "_": 0.12},
        closing={";": 0.85, ",": 0.1, ".": 0.05},
        answer={"answer": 0.7, "result": 0.2, "total": 0.1},
        announces={":": 0.8, "is": 0.2},
        operator_first=0.25,
        spelled=spelled,
    )


TASKS = {
    # Harm is lexical: a wrong digit harms, another word does not.
    "easy": Task(_target_wording(0.0), _draft_wording(0.0), Errors(result=0.07, number=0.03)),
    # Harm depends on the context: "+" for "plus" is harmless, for "-" it is not; so with "9" for
    # "nine", and for "8".
    "hard": Task(
        _target_wording(0.35),
        _draft_wording(0.15),
        Errors(result=0.07, operator=0.05, number=0.03),
    ),
}
