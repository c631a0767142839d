"""What an engine with a drafter loses beside one without: runner, overlapping steps, graphs.

The cost of a step is that of an engine without speculation. An engine with a drafter runs the same
steps longer where it gets another model runner, where its steps no longer overlap, or where they
take piecewise graphs instead of full ones. `sam` keeps all of that now; planner/engine_modes has
what it was before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
from specroll_speculation.ledger import LedgerStep

from bench.lib.measures.ledgers import durations, read_steps
from planner import json_record
from planner.cost_model import Load, StepCost


@dataclass(frozen=True)
class EngineMode:
    """By which shares steps take longer than their cost.

    >>> EngineMode(host=0.5, plain_graph=0.5).longer(verifying=0.0)
    2.25
    >>> EngineMode(host=0.5, plain_graph=0.5).longer(verifying=1.0)
    1.5

    Attributes:
        host: every step, for another model runner or for steps that do not overlap.
        plain_graph: steps without drafts, for another graph.
        draft_graph: steps with drafts, for those of them that have no full graph.
    """

    host: float = 0.0
    plain_graph: float = 0.0
    draft_graph: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError where a share is negative."""
        for name, share in vars(self).items():
            if share < 0:
                raise ValueError(f"{name} must not be negative")

    def longer(self, verifying: float) -> float:
        """Return how many times longer steps take, of which such a share verifies drafts."""
        graph = self.plain_graph * (1 - verifying) + self.draft_graph * verifying
        return (1 + self.host) * (1 + graph)


NOTHING_LOST = EngineMode()
OLD_MODE = Path(__file__).resolve().parent / "engine_modes" / "before_graphs.json"


def read(file: Path) -> EngineMode:
    """Return the shares that a JSON object gives.

    Raises:
        click.BadParameter: it gives none.
    """
    return json_record.record(EngineMode, json_record.read(file), file)


@dataclass(frozen=True)
class CostInMode:
    """The cost of a step of an engine with a drafter.

    Example: ``CostInMode(cost, EngineMode(host=0.3)).seconds(Load(requests=4))``.
    """

    cost: StepCost
    mode: EngineMode

    def seconds(self, load: Load) -> float:
        """Return the wall time of a step."""
        return self.cost.seconds(load) * self.mode.longer(load.verifying)


def of_ledgers(plain: Path, drafting: Path) -> EngineMode:
    """Return what the ledgers of two engines show, which answered the same requests.

    Steps without drafts are compared with those of the engine without speculation, of as many
    requests. What they take longer counts as their graphs'; host and graph cannot be told apart.
    Steps with drafts in piecewise graphs are compared with those in full ones of the same padding.

    Args:
        plain: folder of the ledger without speculation.
        drafting: and of the other.

    Raises:
        click.ClickException: a folder holds no ledger, or they have no like steps.
    """
    steps = durations(read_steps(drafting))
    without: dict[int, list[float]] = {}
    for step, seconds in durations(read_steps(plain)):
        if is_decoding(step):
            without.setdefault(step.requests, []).append(seconds)
    ratios = [
        seconds / median(without[step.requests])
        for step, seconds in steps
        if is_decoding(step) and step.requests in without
    ]
    if not ratios:
        raise click.ClickException(
            f"{plain} and {drafting} have no steps without drafts of as many requests."
        )
    return EngineMode(0.0, max(0.0, median(ratios) - 1), of_piecewise(steps))


def is_decoding(step: LedgerStep) -> bool:
    """Say whether a step is one token a request, without drafts."""
    return not step.draft_room and step.tokens == step.requests


def of_piecewise(steps: Sequence[tuple[LedgerStep, float]]) -> float:
    """Return how much longer drafted steps take for those of them that have no full graph."""
    drafted = [(step, seconds) for step, seconds in steps if step.draft_tokens]
    full: dict[int, list[float]] = {}
    for step, seconds in drafted:
        if step.graph == "FULL":
            full.setdefault(step.padded_tokens, []).append(seconds)
    longer = [
        seconds / median(full[step.padded_tokens]) - 1
        for step, seconds in drafted
        if step.graph != "FULL" and step.padded_tokens in full
    ]
    return max(0.0, sum(longer) / len(drafted)) if drafted else 0.0
