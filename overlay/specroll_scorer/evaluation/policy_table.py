"""What `eval` found, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from specroll_scorer.evaluation.policy_measures import EXACT

COLUMNS = (
    "",
    "accepted",
    "x exact",
    "95 %",
    "accuracy",
    "points",
    "95 %",
    "harmless",
    "harmful",
)


def table(found: Mapping[str, Any]) -> str:
    """Return a row for each policy, under the numbers of rows and mismatches.

    Args:
        found: what `threshold_sweep` returns.
    """
    mismatches = found["mismatches"]
    lines = [
        f"{found['rows']} rows of {found['prompts']} prompts; {mismatches['all']} mismatches, of "
        f"which {mismatches['harmless']} are harmless and {mismatches['harmful']} harmful",
        "",
    ]
    named = [(EXACT, found[EXACT]), *found["baselines"].items()]
    named += [(f"scorer > {each['threshold']:g}", each) for each in found["thresholds"]]
    cells = [COLUMNS, *(_cells(name.replace("_", " "), each) for name, each in named)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for first, *others in cells:
        numbers = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        lines.append("  ".join([first.ljust(widths[0]), *numbers]))
    return "\n".join(lines)


def _cells(name: str, each: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        name,
        f"{each['accepted_len']:.2f}",
        _number(each["length_ratio"], ".2f"),
        _interval(each["length_ratio_interval"], ".2f"),
        f"{each['accuracy']:.4f}",
        f"{100 * each['accuracy_difference']:+.2f}",
        _interval([100 * end for end in each["accuracy_difference_interval"]], "+.2f"),
        _number(each["accept_harmless"], ".3f"),
        _number(each["accept_harmful"], ".3f"),
    )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _interval(ends: Sequence[float] | None, form: str) -> str:
    return "-" if ends is None else " … ".join(format(end, form) for end in ends)
