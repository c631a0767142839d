"""Pictures of what `drafting.py` found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

Runs = Sequence[Mapping[str, Any]]


def write(runs: Runs, folder: Path) -> None:
    """Write the cost of a step against the context, and against the batch."""
    folder.mkdir(parents=True, exist_ok=True)
    for across, fixed in (("context", "batch"), ("batch", "context")):
        figure = plotted(runs, across, fixed)
        figure.savefig(folder / f"drafting_against_{across}.png", dpi=120)


def plotted(runs: Runs, across: str, fixed: str) -> Figure:
    """Draw the cost against `across`, with one picture for each value of `fixed`."""
    values = sorted({run[fixed] for run in runs})
    figure = Figure(figsize=(4 * len(values), 4), layout="constrained")
    pictures = figure.subplots(1, len(values), sharey=True, squeeze=False)[0]
    for axes, value in zip(pictures, values, strict=True):
        lines: dict[str, list[tuple[int, float]]] = {}
        for run in runs:
            if run[fixed] == value:
                lines.setdefault(run["method"], []).append((run[across], run["step_us"]))
        for method, points in lines.items():
            axes.loglog(*zip(*sorted(points), strict=True), marker="o", base=2, label=method)
        axes.set_title(f"{fixed} {value}")
        axes.set_xlabel(across)
    pictures[0].set_ylabel("µs a step")
    pictures[0].legend()
    return figure
