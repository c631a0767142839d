"""Pictures of what `acceptance.py` found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

Runs = Sequence[Mapping[str, Any]]

# Below this a mean is noise.
FEWEST_STEPS = 200


def write(settings: Mapping[tuple[str, str, int], Runs], folder: Path) -> None:
    """Write one picture for each trace, scenario and draft length."""
    folder.mkdir(parents=True, exist_ok=True)
    for (trace, scenario, longest_draft), runs in settings.items():
        figure = Figure(figsize=(11, 4), layout="constrained")
        by_position, by_proposed = figure.subplots(1, 2)
        figure.suptitle(f"{trace}, {scenario}, k = {longest_draft}")
        plot_positions(by_position, runs)
        plot_proposed(by_proposed, runs)
        name = f"acceptance {trace} {scenario} k{longest_draft}".replace(" ", "_")
        figure.savefig(folder / f"{name}.png", dpi=120)


def plot_positions(axes: Axes, runs: Runs) -> None:
    """Draw tokens a step against the position in the answer; of sam without a bar."""
    for run in runs:
        if run["min_acceptance"] in (None, 0.0):
            classes = [each for each in run["by_position"] if each["steps"] >= FEWEST_STEPS]
            axes.plot(
                [max(each["from"], 32) for each in classes],
                [each["tokens"] / each["steps"] for each in classes],
                marker="o",
                label=run["method"],
            )
    axes.set_xscale("log", base=2)
    axes.set_xlabel("position in the answer, tokens")
    axes.set_ylabel("tokens a step")
    axes.legend()


def plot_proposed(axes: Axes, runs: Runs) -> None:
    """Draw tokens a step against tokens proposed a step; sam is a line over `min_acceptance`."""
    by_method: dict[str, list[tuple[float, float]]] = {}
    for run in runs:
        point = run["proposed_per_step"], run["tokens_per_step"]
        by_method.setdefault(run["method"], []).append(point)
    for method, points in by_method.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=method)
    axes.set_xlabel("tokens proposed a step")
    axes.set_ylabel("tokens a step")
    axes.legend()
