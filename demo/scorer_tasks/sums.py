"""Sums of single digits, modulo ten: problems, worked solutions, and whether an answer is right.

A problem reads ``a 6 b + 3 c - 4 d + 1 ?``, a solution of it
``b : 6 + 3 = 9 ; then c : minus 9 4 is 5 _ ; d : 5 + 1 = 6 , answer : 6 <end>``.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from demo.scorer_tasks.wordings import Errors, Shares, Wording

LABELS = "abcd"
OPERATORS = "+-"
DIGITS = [str(digit) for digit in range(10)]
SPELLED = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
END = "<end>"

_CONCLUSION = re.compile(r"(?:answer|result|total) (?::|is) (\d)$")


@dataclass(frozen=True)
class Step:
    """Add or subtract a number.

    >>> Step("+", 7).applied_to(6)
    3
    """

    operator: str
    number: int

    def applied_to(self, value: int) -> int:
        """Return the last digit of the sum or difference."""
        return (value + self.number if self.operator == "+" else value - self.number) % 10


@dataclass(frozen=True)
class Problem:
    """A number to start from, and the steps.

    >>> problem = Problem(6, (Step("+", 3), Step("-", 4), Step("+", 1)))
    >>> problem.prompt, problem.answer
    ('a 6 b + 3 c - 4 d + 1 ?', '6')
    """

    start: int
    steps: tuple[Step, ...]

    @property
    def prompt(self) -> str:
        """The words of the problem."""
        named = zip(LABELS[1:], self.steps, strict=True)
        steps = [f"{label} {step.operator} {step.number}" for label, step in named]
        return " ".join([LABELS[0], str(self.start), *steps, "?"])

    @property
    def answer(self) -> str:
        """The digit that is right."""
        value = self.start
        for step in self.steps:
            value = step.applied_to(value)
        return str(value)


def problems(seed: int) -> Iterator[Problem]:
    """Draw problems for ever."""
    generator = random.Random(seed)
    while True:
        steps = [Step(generator.choice(OPERATORS), generator.randrange(10)) for _ in LABELS[1:]]
        yield Problem(generator.randrange(10), tuple(steps))


def solution(
    problem: Problem, wording: Wording, errors: Errors, generator: random.Random
) -> list[str]:
    """Solve a problem step by step; what follows an error goes on from its result."""
    words, value = [], problem.start
    for label, given in zip(LABELS[1:], problem.steps, strict=True):
        step = _copied(given, errors, generator)
        result = step.applied_to(value)
        if generator.random() < errors.result:
            result = (result + generator.randrange(1, 10)) % 10
        words += [_one_of(wording.opening, generator), label, ":"]
        words += _equation(value, step, result, wording, generator)
        value = result
    words += [_one_of(wording.answer, generator), _one_of(wording.announces, generator)]
    return [word for word in words if word] + [str(value), END]


def ends_right(answer: str, truth: str) -> bool:
    """Tell whether a solution concludes with the digit ``truth``."""
    conclusion = _CONCLUSION.search(answer.strip())
    return conclusion is not None and conclusion.group(1) == truth


def _copied(step: Step, errors: Errors, generator: random.Random) -> Step:
    operator, number = step.operator, step.number
    if generator.random() < errors.operator:
        operator = OPERATORS[1 - OPERATORS.index(operator)]
    if generator.random() < errors.number:
        number = generator.randrange(10)
    return Step(operator, number)


def _equation(
    value: int, step: Step, result: int, wording: Wording, generator: random.Random
) -> list[str]:
    operator = _one_of(wording.plus if step.operator == "+" else wording.minus, generator)
    sides = [str(value), operator, str(step.number)]
    if generator.random() < wording.operator_first:
        sides = [operator, str(value), str(step.number)]
    spelled = generator.random() < wording.spelled
    return [
        *sides,
        _one_of(wording.equals, generator),
        (SPELLED if spelled else DIGITS)[result],
        _one_of(wording.pause, generator),
        _one_of(wording.closing, generator),
    ]


def _one_of(shares: Shares, generator: random.Random) -> str:
    return generator.choices(list(shares), list(shares.values()))[0]
