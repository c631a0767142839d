"""What did the steps of an engine do, and were they those of an engine without speculation?

An engine that is started with VLLM_SPECULATION_LEDGER=FOLDER writes a line for each step. This
command reads one folder, or two: that of an engine without speculation first. Both must have
answered the same requests, in the same order. Then all steps above the threshold are compared, one
by one, in what speculation must not change: the model runner, asynchronous scheduling, the graph
and its padding, and how often the host waited. The exit code is 1 where one differs.

Below the threshold the table says which graphs steps with drafts took, and why not a full one.
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from specroll_speculation.batch_switch import DEFAULT_THRESHOLD

from bench.lib.measures.ledgers import (
    Difference,
    Steps,
    differences,
    milliseconds,
    read_steps,
    reason,
)
from bench.lib.output import files, tables
from bench.lib.output.results import Results

COLUMNS = "steps", "requests", "number", "ms", "FULL", "PIECEWISE", "NONE", "waits", "accepted"


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


def in_words(ledgers: Mapping[str, Steps], threshold: int) -> str:
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
