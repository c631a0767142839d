"""Pictures of what a scorer gains and costs, and of how it learnt. They need matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

Found = Mapping[str, Any]
Metrics = Mapping[str, float]

MARKERS = {"exact": "s", "accept_all": "^", "digit_rule": "D", "oracle": "*"}


@dataclass(frozen=True)
class Line:
    """One of verl's metrics, by its name, or the ratio of two."""

    name: str
    per: str | None = None
    label: str = ""
    style: str = "-"

    def points(self, steps: Sequence[Metrics]) -> tuple[list[float], list[float]]:
        """Steps at which there is a value, and the values."""
        found = [(each["step"], self._value(each)) for each in steps]
        known = [(step, value) for step, value in found if value is not None]
        return [step for step, _ in known], [value for _, value in known]

    def _value(self, metrics: Metrics) -> float | None:
        value = metrics.get(self.name)
        if value is None or self.per is None:
            return value
        return value / metrics[self.per] if metrics[self.per] else None


def accepted(kind: str, style: str) -> Line:
    """Accept rate of a kind of mismatches in validation, where the rows have outcomes."""
    names = (f"val-aux/spd_scorer/{each}/mean@1" for each in (f"accepted_{kind}", kind))
    return Line(*names, label=kind, style=style)


PANELS = (
    ("reward", [Line("critic/score/mean")]),
    ("KL to the first scorer", [Line("actor/kl_loss")]),
    ("mismatches accepted, validation", [accepted("harmless", "-"), accepted("harmful", "--")]),
)


def trade_off(evaluations: Mapping[str, Found], path: Path) -> None:
    """Draw what `eval` found over the thresholds; the baselines are those of the first.

    Args:
        evaluations: results of `evaluation` by their label, such as the seed.
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
    figure.savefig(path, dpi=120, format="png")


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


def learning_curves(runs: Mapping[str, Sequence[Metrics]], path: Path) -> None:
    """Draw reward, KL and accept rates against the step; what a run did not log is missing.

    Args:
        runs: metrics of each step, with its `step` (see `specroll_scorer.training.run_metrics`), by their label, such as
            the seed.
        path: PNG file to write.
    """
    figure = Figure(figsize=(13, 5), layout="constrained")
    for axes, (title, lines) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        for number, (label, steps) in enumerate(runs.items()):
            for line in lines:
                name = f"{label} {line.label}".strip()
                axes.plot(*line.points(steps), line.style, color=f"C{number}", label=name)
        axes.set(xlabel="step", title=title)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.17))
    figure.savefig(path, dpi=120, format="png")
