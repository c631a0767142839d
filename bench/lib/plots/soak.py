"""A picture of what `soak.py` found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def write(looks: Sequence[Mapping[str, Any]], costs: Sequence[float], folder: Path) -> None:
    """Write memory, tokens and the cost of a step against the requests that have ended."""
    folder.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(12, 4), layout="constrained")
    memory, tokens, cost = figure.subplots(1, 3)
    requests = [each["requests"] for each in looks]
    memory.plot(requests, [each["bytes"] / 1e6 for each in looks])
    memory.set_ylabel("MB reserved")
    tokens.plot(requests, [each["tokens"] for each in looks], label="held")
    tokens.plot(requests, [each["history_tokens"] for each in looks], label="in the history")
    tokens.set_ylabel("tokens")
    tokens.legend()
    middles = [(i + 0.5) / len(costs) * requests[-1] for i in range(len(costs))]
    cost.plot(middles, costs, marker="o")
    cost.set_ylabel("median step, µs")
    for axes in (memory, tokens, cost):
        axes.set_ylim(0, axes.get_ylim()[1])
        axes.set_xlabel("requests that have ended")
    figure.savefig(folder / "soak.png", dpi=120)
