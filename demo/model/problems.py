"""Problems with step-by-step solutions: facts from reasoning-gym, words of our own.

The facts are drawn by reasoning-gym's seeded generators; `derivations` solves them.
"""

import itertools
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

# reasoning-gym imports a SAT solver that has to be compiled; none of our tasks uses it.
sys.modules.setdefault("pycosat", ModuleType("pycosat"))

import reasoning_gym
from reasoning_gym.arithmetic.leg_counting import ANIMALS

from demo.model import derivations

TRAINING_SEED = 20_260_900
HELD_OUT_SEED = 7

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """A prompt and the solution that should follow it.

    Example: ``Problem("What is 2 + 3?", "We start with 2. …")``.
    """

    prompt: str
    solution: str


@dataclass(frozen=True)
class Task:
    """A kind of problem: a reasoning-gym dataset, its options, and how we word it.

    Example: ``TASKS[0]`` asks for sums of two-digit numbers.
    """

    dataset: str
    options: Mapping[str, int]
    questions: tuple[str, ...]
    stated: Callable[[Facts], str]
    solved: Callable[[Facts], str]


def _integer(number: str) -> int:
    return int(float(number))


def _integers(facts: Facts) -> list[int]:
    return [_integer(number) for number in facts["original_numbers"]]


def _instruction(operation: str) -> str:
    """Word an operation such as ``keep_larger``."""
    action, side = operation.split("_")
    return f"{action} all that are {side}"


TASKS = (
    Task(
        "chain_sum",
        {"min_terms": 4, "max_terms": 6, "min_digits": 2, "max_digits": 2},
        ("What is {}?", "Work out {} from left to right.", "Find the value of {}."),
        lambda facts: facts["expression"],
        lambda facts: derivations.running_sum(facts["expression"]),
    ),
    Task(
        "number_sorting",
        {"min_numbers": 5, "max_numbers": 8, "max_decimals": 0, "min_value": 0},
        ("Sort {} order.", "Please arrange {} order.", "Here are some numbers. Put {} order."),
        lambda facts: f"{', '.join(map(str, _integers(facts)))} in {facts['direction']}",
        lambda facts: derivations.selection_sort(_integers(facts), facts["direction"]),
    ),
    Task(
        "letter_counting",
        {"min_words": 5, "max_words": 10},
        ("How often is {}?", "Count how many times we see {}.", "Tell me how often you find {}."),
        lambda facts: f'{facts["target_letter"]} in "{" ".join(facts["span"])}"',
        lambda facts: derivations.letter_tally(facts["span"], facts["target_letter"]),
    ),
    Task(
        "leg_counting",
        {"min_animals": 4, "max_animals": 7},
        ("How many legs are there: {}?", "Count the legs of {}.", "A farm has {}. Count legs."),
        lambda facts: ", ".join(f"{animal} {n}" for animal, n in facts["animals"].items()),
        lambda facts: derivations.leg_count(facts["animals"], ANIMALS),
    ),
    Task(
        "number_filtering",
        {"min_numbers": 5, "max_numbers": 9, "max_decimals": 0, "min_value": 0},
        ("From the list {}.", "Here is a list: {}.", "Take {}."),
        lambda facts: (
            f"{', '.join(map(str, _integers(facts)))}, {_instruction(facts['operation'])} "
            f"than {_integer(facts['filter_value'])}"
        ),
        lambda facts: derivations.filtering(
            _integers(facts), facts["operation"], _integer(facts["filter_value"])
        ),
    ),
)


def training_problems(count: int) -> list[Problem]:
    """Return ``count`` problems to train on, the tasks taking turns; always the same ones."""
    return _problems(count, TRAINING_SEED)


def held_out_problems(count: int, seen: set[str]) -> list[Problem]:
    """Return ``count`` different problems drawn from another seed, none with a prompt in ``seen``.

    Raises:
        ValueError: the generators yield too few unseen prompts.
    """
    # Twice as many as asked for leaves room for those that training has seen.
    drawn = {problem.prompt: problem for problem in _problems(2 * count + 10, HELD_OUT_SEED)}
    unseen = [problem for prompt, problem in drawn.items() if prompt not in seen]
    if len(unseen) < count:
        raise ValueError(f"only {len(unseen)} of {count} held-out prompts are new to the model")
    return unseen[:count]


def _problems(count: int, seed: int) -> list[Problem]:
    each = -(-count // len(TASKS))
    turns = zip(*(_of_task(task, each, seed) for task in TASKS), strict=True)
    return list(itertools.chain.from_iterable(turns))[:count]


def _of_task(task: Task, count: int, seed: int) -> list[Problem]:
    dataset = reasoning_gym.create_dataset(task.dataset, size=count, seed=seed, **task.options)
    wording = random.Random(seed)
    return [_worded(task, entry["metadata"], wording) for entry in dataset]


def _worded(task: Task, facts: Facts, wording: random.Random) -> Problem:
    question = wording.choice(task.questions).format(task.stated(facts))
    return Problem(f"{question} Think step by step.\n", task.solved(facts))
