"""What did the steps of an engine do, and were they those of an engine without speculation?

An engine that is started with VLLM_SPECULATION_LEDGER=FOLDER writes a line for each step. This
command reads one folder, or two: that of an engine without speculation first. Both must have
answered the same requests, in the same order. Then all steps above the threshold are compared, one
by one, in what speculation must not change: the model runner, asynchronous scheduling, the graph
and its padding, and how often the host waited. The exit code is 1 where one differs.

Below the threshold the table says which graphs steps with drafts took, and why not a full one.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import click
from specroll_speculation.batch_switch import DEFAULT_THRESHOLD
from specroll_speculation.ledger import LedgerStep

from bench.lib.output import files, tables
from bench.lib.output.results import Results

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
COLUMNS = "steps", "requests", "number", "ms", "FULL", "PIECEWISE", "NONE", "waits", "accepted"

Steps = list[LedgerStep]


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


def read_steps(folder: Path) -> Steps:
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


def row(name: str, range_of_requests: str, steps: Steps) -> list[str]:
    """Return a line of the table."""
    graphs = Counter(step.graph for step in steps)
    drafted = sum(step.draft_tokens for step in steps)
    accepted = sum(step.accepted_tokens or 0 for step in steps)
    waits = sum(step.waits for step in steps) / len(steps) if steps else None
    return [
        name,
        range_of_requests,
        str(len(steps)),
        tables.cell(milliseconds(steps), ".2f"),
        *(str(graphs[graph]) for graph in ("FULL", "PIECEWISE", "NONE")),
        tables.cell(waits, ".2f"),
        f"{accepted} of {drafted}",
    ]


def in_words(ledgers: dict[str, Steps], threshold: int) -> str:
    """Return the table, and why steps with drafts had no full graph."""
    rows = []
    for name, steps in ledgers.items():
        crowd = [step for step in steps if step.requests > threshold]
        tail = [step for step in steps if step.requests <= threshold]
        rows += [row(name, f"> {threshold}", crowd), row(name, f"<= {threshold}", tail)]
    reasons = Counter(
        reason(step)
        for step in list(ledgers.values())[-1]
        if step.draft_tokens and step.graph != "FULL"
    )
    lines = [tables.table(COLUMNS, 2, rows)]
    lines += [
        f"{number} steps with drafts had no full graph: {why}" for why, number in reasons.items()
    ]
    return "\n".join(lines)


@click.command(help=__doc__)
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--threshold",
    type=click.IntRange(min=0),
    default=DEFAULT_THRESHOLD,
    show_default=True,
    help="Largest batch that speculates, in requests.",
)
@files.JSON
def main(folders: Sequence[Path], threshold: int, json_file: str | None) -> None:
    """Read, compare, and report."""
    if len(folders) > 2:
        raise click.UsageError("Name one folder, or two to compare.")
    ledgers = {str(folder): read_steps(folder) for folder in folders}
    words, found = in_words(ledgers, threshold), {}
    differing: list[Difference] = []
    if len(ledgers) == 2:
        plain, drafting = ledgers.values()
        differing = differences(plain, drafting, threshold)
        above = sum(step.requests > threshold for step in drafting)
        words += f"\nabove the threshold {above - len(differing)} of {above} steps are equal"
        words += "".join(f"\n{asdict(difference)}" for difference in differing[:3])
        found = {"above_threshold": above, "differing": [asdict(each) for each in differing]}
    steps = {name: [asdict(step) for step in ledger] for name, ledger in ledgers.items()}
    Results(json_file).deliver(words, {"threshold": threshold, "ledgers": steps, **found})
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()
