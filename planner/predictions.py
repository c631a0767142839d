"""Predictions of a rollout without speculation, and with it at each setting of a grid."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.lib.output import tables
from planner.cost_model import StepCost
from planner.engine_mode import NOTHING_LOST, CostInMode, EngineMode
from planner.simulation import EngineShape, Groups, Speculation, Timeline, dealt, simulate

# Of the time without speculation; a smaller gain is not worth a setting.
SMALLEST_GAIN = 0.01


@dataclass(frozen=True)
class Cluster:
    """Engines of one shape that share a rollout, and what their steps cost.

    >>> from planner.cost_model import LinearCost
    >>> cluster = Cluster(LinearCost(step=1.0), EngineShape(max_num_seqs=8), num_engines=2)
    >>> cluster.rollout([[50, 10], [20, 5]]).seconds
    50.0
    """

    cost: StepCost
    shape: EngineShape
    num_engines: int = 1
    mode: EngineMode = NOTHING_LOST

    def rollout(self, groups: Groups, speculation: Speculation | None = None) -> "Rollout":
        """Return how the engines make answers of these lengths, the groups dealt in turn.

        With a drafter their steps take as much longer as ``mode`` says.
        """
        cost = CostInMode(self.cost, self.mode) if speculation else self.cost
        shares = dealt(groups, self.num_engines)
        return Rollout([simulate(each, self.shape, cost, speculation) for each in shares])


@dataclass(frozen=True)
class Rollout:
    """The timelines of all engines.

    >>> Rollout([Timeline([2.0, 1.0], [2, 1], [4, 1], [8.0, 1.0])]).tail_seconds(threshold=1)
    1.0
    """

    timelines: Sequence[Timeline]

    @property
    def seconds(self) -> float:
        """Wall time until the last engine has ended."""
        return max(timeline.total_seconds for timeline in self.timelines)

    @property
    def mean_seconds(self) -> float:
        """Mean wall time of the engines."""
        return sum(timeline.total_seconds for timeline in self.timelines) / len(self.timelines)

    def tail_seconds(self, threshold: int) -> float:
        """Return the engines' mean wall time with at most so many requests running."""
        tails = [timeline.tail(threshold).total_seconds for timeline in self.timelines]
        return sum(tails) / len(tails)


@dataclass(frozen=True)
class Prediction:
    """A setting and how long the rollout takes with it; seconds are those of `Rollout`.

    ``x_none`` are the times without speculation divided by those with it.

    Example: ``prediction(cluster, groups, none, Speculation(8, profile)).saved``.
    """

    threshold: int
    num_speculative_tokens: int
    seconds: float
    x_none: float
    mean_seconds: float
    mean_x_none: float
    tail_seconds: float
    tail_x_none: float

    @property
    def saved(self) -> float:
        """The share of the rollout's time that is saved."""
        return 1 - 1 / self.x_none


def prediction(
    cluster: Cluster, groups: Groups, none: Rollout, speculation: Speculation
) -> Prediction:
    """Return what a setting brings, compared with the rollout ``none`` without speculation."""
    rollout = cluster.rollout(groups, speculation)
    tail = rollout.tail_seconds(speculation.threshold)
    return Prediction(
        speculation.threshold,
        speculation.profile.longest,
        rollout.seconds,
        none.seconds / rollout.seconds,
        rollout.mean_seconds,
        none.mean_seconds / rollout.mean_seconds,
        tail,
        none.tail_seconds(speculation.threshold) / tail if tail else 1.0,
    )


def recommended(predictions: Sequence[Prediction]) -> Prediction | None:
    """Return the fastest, of equals the first; None where speculation gains too little."""
    best = min(predictions, key=lambda each: each.seconds)
    return best if best.saved >= SMALLEST_GAIN else None


def table(none: Rollout, predictions: Sequence[Prediction]) -> str:
    """Return a row for each setting, below one for the rollout without speculation."""
    header = ["threshold", "draft tokens", "s", "x none", "saved", "tail, s", "x none"]
    rows = [["none", "-", f"{none.seconds:.6g}", "1.000", "0.0%", "-", "-"]]
    rows += [
        [
            str(each.threshold) if each.threshold > 0 else "any batch",
            str(each.num_speculative_tokens),
            f"{each.seconds:.6g}",
            f"{each.x_none:.3f}",
            f"{each.saved:.1%}",
            f"{each.tail_seconds:.6g}",
            f"{each.tail_x_none:.3f}",
        ]
        for each in predictions
    ]
    return tables.table(header, 1, rows)
