"""Pictures of what `rollout.py` found."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.lib.engines.stepping import Rollout
from bench.lib.measures.rollouts import tokens_per_step

# Steps that are averaged: one alone accepts much or nothing.
WINDOW = 10


def write(
    batches: Mapping[int, Sequence[Mapping[str, Sequence[Rollout]]]], threshold: int, folder: Path
) -> None:
    """Write one picture a batch, a row an epoch, of each method's round of median length."""
    folder.mkdir(parents=True, exist_ok=True)
    for batch, epochs in batches.items():
        figure = Figure(figsize=(11, 4 * len(epochs)), layout="constrained")
        figure.suptitle(f"rollout of {batch} requests")
        all_axes = figure.subplots(len(epochs), 2, sharex=True, sharey="col", squeeze=False)
        for epoch, (rounds, axes) in enumerate(zip(epochs, all_axes, strict=True), 1):
            plot_epoch(axes[0], axes[1], rounds, threshold if batch > threshold else None)
            axes[0].set_title(f"epoch {epoch}")
        figure.savefig(folder / f"rollout_batch_{batch}.png", dpi=120)


def plot_epoch(
    running: Axes,
    accepted: Axes,
    rounds: Mapping[str, Sequence[Rollout]],
    threshold: int | None,
) -> None:
    """Draw the requests that run and the tokens a step, of all methods."""
    for method, rollouts in rounds.items():
        typical = sorted(rollouts, key=lambda each: each.seconds)[len(rollouts) // 2]
        plot_running(running, method, typical)
        plot_accepted(accepted, method, typical)
    if threshold is not None:
        running.axhline(threshold, color="grey", linestyle=":", label="threshold")
    running.set_ylabel("requests running")
    accepted.set_ylabel(f"tokens a step and request, {WINDOW} steps together")
    for axes in (running, accepted):
        axes.set_xlabel("s")
        axes.legend()


def plot_running(axes: Axes, method: str, rollout: Rollout) -> None:
    """Draw the requests that run against time."""
    begins = accumulate((step.seconds for step in rollout.steps[:-1]), initial=0.0)
    axes.step(list(begins), [step.running for step in rollout.steps], where="post", label=method)


def plot_accepted(axes: Axes, method: str, rollout: Rollout) -> None:
    """Draw tokens a step against time."""
    ends = list(accumulate(step.seconds for step in rollout.steps))
    windows = range(0, len(ends) - WINDOW + 1, WINDOW)
    axes.plot(
        [ends[first + WINDOW // 2] for first in windows],
        [tokens_per_step(rollout.steps[first : first + WINDOW]) or 0.0 for first in windows],
        label=method,
    )
