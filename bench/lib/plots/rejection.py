"""Pictures of what `rejection.py` found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

Times = Sequence[Mapping[str, Any]]

DRAFTS = 3


def write(times: Times, folder: Path) -> None:
    """Write the time of each part against the batch, for each vocabulary."""
    folder.mkdir(parents=True, exist_ok=True)
    plotted(times).savefig(folder / "rejection_against_batch.png", dpi=120)


def plotted(times: Times) -> Figure:
    """Draw a row a vocabulary and a column a part, with a line a sampler."""
    vocabularies = sorted({run["vocabulary"] for run in times})
    parts = list(dict.fromkeys(run["part"] for run in times))
    size = (4 * len(parts), 3.5 * len(vocabularies))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(vocabularies), len(parts), sharex=True, squeeze=False)
    for row, vocabulary in zip(grid, vocabularies, strict=True):
        for axes, part in zip(row, parts, strict=True):
            for sampler, points in lines(times, vocabulary, part).items():
                axes.loglog(*zip(*sorted(points), strict=True), marker="o", base=2, label=sampler)
            axes.set_title(f"{part}, vocabulary {vocabulary:,}")
        row[0].set_ylabel(f"ms, {DRAFTS} drafts a request")
    for axes in grid[-1]:
        axes.set_xlabel("batch")
    grid[0][0].legend()
    return figure


def lines(times: Times, vocabulary: int, part: str) -> dict[str, list[tuple[int, float]]]:
    """Return the points of each sampler: batch and milliseconds."""
    found: dict[str, list[tuple[int, float]]] = {}
    for run in times:
        if (run["vocabulary"], run["part"], run["drafts"]) == (vocabulary, part, DRAFTS):
            found.setdefault(run["sampler"], []).append((run["batch"], run["ms"]))
    return found
