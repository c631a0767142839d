"""Pictures of how a scorer learnt. They need matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from specroll_scorer.whole_files import replacing

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Line:
    """One of verl's metrics, by its name, or the ratio of two.

    Attributes:
        name: of the metric.
        per: name of the metric that it is divided by.
        label: stands in the legend behind that of the run.
        style: matplotlib's.

    Example:
        >>> Line("right", per="all").points([{"step": 0}, {"step": 1, "right": 3, "all": 4}])
        ([1], [0.75])
    """

    name: str
    per: str | None = None
    label: str = ""
    style: str = "-"

    def points(self, steps: Sequence[Metrics]) -> tuple[list[float], list[float]]:
        """Return the steps at which there is a value, and the values."""
        found = [(each["step"], self._value(each)) for each in steps]
        known = [(step, value) for step, value in found if value is not None]
        return [step for step, _ in known], [value for _, value in known]

    def _value(self, metrics: Metrics) -> float | None:
        value = metrics.get(self.name)
        if value is None or self.per is None:
            return value
        return value / metrics[self.per] if metrics[self.per] else None


def accept_rate(kind: str, style: str) -> Line:
    """Return the accept rate of a kind of mismatches in validation, of rows with outcomes."""
    accepted, judged = (f"val-aux/spd_scorer/{each}/mean@1" for each in (f"accepted_{kind}", kind))
    return Line(accepted, per=judged, label=kind, style=style)


PANELS = (
    ("reward", [Line("critic/score/mean")]),
    ("KL to the first scorer", [Line("actor/kl_loss")]),
    (
        "mismatches accepted, validation",
        [accept_rate("harmless", "-"), accept_rate("harmful", "--")],
    ),
)


def learning_curves(runs: Mapping[str, Sequence[Metrics]], path: Path) -> None:
    """Draw reward, KL and accept rates against the step; what a run did not log is missing.

    Args:
        runs: metrics of each step, with its `step` (see `run_metrics.py`), by their label, such as
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
    with replacing(path) as unfinished:
        figure.savefig(unfinished, dpi=120, format="png")
