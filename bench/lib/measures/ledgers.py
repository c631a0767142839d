"""Ledgers of steps: read, compared, and what a step took."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import click
from specroll_speculation.ledger import LedgerStep

Steps = Sequence[LedgerStep]

# What speculation must not change of a step above the threshold.
COMPARED = (
    "runner",
    "async_scheduling",
    "graph",
    "padded_tokens",
    "padded_requests",
    "requests",
    "tokens",
    "waits",
)


@dataclass(frozen=True)
class Difference:
    """A step above the threshold that differs between two ledgers.

    Attributes:
        step: which of the steps above the threshold, from 0 on.
        plain: what was compared, of the engine without speculation; None where it has no such step.
        drafting: and of the other engine.
    """

    step: int
    plain: dict[str, Any] | None
    drafting: dict[str, Any] | None


def read_steps(folder: Path) -> list[LedgerStep]:
    """Return the steps in all files of a ledger's folder.

    Raises:
        ClickException: there are none, or a line is none of a ledger.
    """
    paths = sorted(folder.glob("steps-*.jsonl"))
    if not paths:
        raise click.ClickException(f"{folder} holds no steps-*.jsonl: is it a ledger's folder?")
    names = {field.name for field in fields(LedgerStep)}
    steps = []
    for path in paths:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            try:
                values = json.loads(line)
            except ValueError:
                values = None
            if not isinstance(values, dict) or values.keys() != names:
                raise click.ClickException(f"{path}, line {number}: is no step of a ledger.")
            steps.append(LedgerStep(**values))
    return steps


def compared(step: LedgerStep) -> dict[str, Any]:
    """Return what speculation must not change of a step above the threshold."""
    return {name: getattr(step, name) for name in COMPARED}


def differences(plain: Steps, drafting: Steps, threshold: int) -> list[Difference]:
    """Compare the steps above a threshold, in their order."""
    crowds = [
        [compared(step) for step in steps if step.requests > threshold]
        for steps in (plain, drafting)
    ]
    longest = max(map(len, crowds))
    pairs = zip(*(crowd + [None] * (longest - len(crowd)) for crowd in crowds), strict=True)
    return [Difference(i, *pair) for i, pair in enumerate(pairs) if pair[0] != pair[1]]


def reason(step: LedgerStep) -> str:
    """Say why a step has no full graph.

    >>> drafts = {"requests": 2, "tokens": 6, "drafted_requests": 2, "draft_tokens": 4}
    >>> reason(LedgerStep(0, 0.5, 2, True, **drafts))
    'no graph of that size'
    """
    if step.tokens - step.draft_tokens > step.requests:
        return "with prompts"
    if step.draft_tokens % step.requests or step.drafted_requests not in (0, step.requests):
        return "ragged drafts"
    return "no graph of that size"


def durations(steps: Steps) -> list[tuple[LedgerStep, float]]:
    """Return each step with its seconds, from its begin to that of the next one."""
    return [
        (step, later.began_s - step.began_s)
        for step, later in pairwise(steps)
        if later.step == step.step + 1
    ]


def milliseconds(steps: Steps) -> float | None:
    """Return the median time of a step."""
    seconds = [seconds for _, seconds in durations(steps)]
    return 1e3 * median(seconds) if seconds else None
