"""Pictures of what the planner predicts."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from planner.predictions import Prediction, Rollout


def write(predictions: Sequence[Prediction], none: Rollout, file: Path) -> None:
    """Write one picture: what each setting brings, and how the rollout goes without any."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    grid, running = figure.subplots(1, 2)
    plot_grid(grid, predictions)
    plot_running(running, none)
    figure.savefig(file, dpi=120)


def plot_grid(axes: Axes, predictions: Sequence[Prediction]) -> None:
    """Draw the speed-up against the draft length, a line for each threshold."""
    by_threshold: dict[int, list[Prediction]] = {}
    for each in predictions:
        by_threshold.setdefault(each.threshold, []).append(each)
    for threshold, line in by_threshold.items():
        axes.plot(
            [each.num_speculative_tokens for each in line],
            [each.x_none for each in line],
            marker="o",
            label=str(threshold) if threshold > 0 else "any batch",
        )
    axes.axhline(1, color="grey", linestyle=":")
    axes.set_xlabel("draft tokens")
    axes.set_ylabel("times as fast as without speculation")
    axes.legend(title="threshold")


def plot_running(axes: Axes, rollout: Rollout) -> None:
    """Draw the requests that run in each engine against time."""
    for timeline in rollout.timelines:
        ends = accumulate(timeline.seconds, initial=0.0)
        axes.step(list(ends), [*timeline.running, 0], where="post", alpha=0.7)
    axes.set_xlabel("s")
    axes.set_ylabel("requests running, without speculation")
