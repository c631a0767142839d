"""Pictures of what a scorer gains and costs. They need matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from specroll_scorer.whole_files import replacing

Found = Mapping[str, Any]

MARKERS = {"exact": "s", "accept_all": "^", "digit_rule": "D", "oracle": "*"}


def trade_off(evaluations: Mapping[str, Found], path: Path) -> None:
    """Draw what `eval` found over the thresholds; the baselines are those of the first.

    Args:
        evaluations: results of `threshold_sweep` by their label, such as the seed.
        path: PNG file to write.
    """
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    answers, judgements = figure.subplots(1, 2)
    baselines = next(iter(evaluations.values()))
    _plot_trade_off(answers, evaluations, baselines, "accepted_len", "accuracy")
    _plot_trade_off(judgements, evaluations, baselines, "accept_harmful", "accept_harmless")
    answers.set(xlabel="accepted draft tokens, mean", ylabel="accuracy after completion")
    judgements.set(xlabel="harmful mismatches accepted", ylabel="harmless mismatches accepted")
    threshold = baselines["scorer"]["threshold"]
    figure.suptitle(f"scorers over their thresholds; the ring is at {threshold:g}")
    with replacing(path) as unfinished:
        figure.savefig(unfinished, dpi=120, format="png")


def _plot_trade_off(
    axes: Axes, evaluations: Mapping[str, Found], baselines: Found, x: str, y: str
) -> None:
    for label, found in evaluations.items():
        points = [each for each in found["thresholds"] if None not in (each[x], each[y])]
        line = [each[x] for each in points], [each[y] for each in points]
        is_chosen = [each["threshold"] == found["scorer"]["threshold"] for each in points]
        axes.plot(*line, "o-", markersize=3, label=label)
        axes.plot(*line, "ko", fillstyle="none", markersize=9, markevery=is_chosen)
    known = {"exact": baselines["exact"], **baselines["baselines"]}
    for name, marker in MARKERS.items():
        point = known[name][x], known[name][y]
        if None not in point:
            axes.plot(*point, marker, color="grey", markersize=9, label=name.replace("_", " "))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
