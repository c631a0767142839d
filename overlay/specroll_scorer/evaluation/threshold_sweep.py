"""What a scorer gains and costs over the thresholds, beside its baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from specroll_scorer.data.stops import Stops
from specroll_scorer.evaluation import policies
from specroll_scorer.evaluation.policy_measures import EXACT, measured, prompt_numbers

THRESHOLDS = 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95


def threshold_sweep(
    stops: Stops,
    probabilities: Sequence[npt.NDArray[np.floating]],
    threshold: float,
    text: Callable[[int], str],
) -> dict[str, Any]:
    """Measure the scorer and its baselines; all rows count.

    Args:
        stops: those of the rows.
        probabilities: of acceptance, for each row an array [draft length].
        threshold: above which the scorer accepts.
        text: the text of a token.

    Returns:
        `exact`, `scorer` (with its `threshold`), `baselines` by name and `thresholds`, a list, each
        with what `measured` says; numbers of `rows`, `prompts` and `mismatches`.

    Raises:
        ValueError: there is not one probability for each position of each draft.
    """
    prompts = prompt_numbers(stops.rows)
    baselines = {
        "reject_all": policies.reject_all(stops),
        "accept_all": policies.accept_all(stops),
        "digit_rule": policies.digit_rule(stops, text),
        "oracle": policies.oracle(stops),
    }
    scorers = {
        str(each): policies.scorer(stops, probabilities, each)
        for each in sorted({*THRESHOLDS, threshold})
    }
    exact = {EXACT: policies.reject_all(stops)}
    found = measured(stops, {**exact, **baselines, **scorers}, prompts)
    return {
        "rows": len(stops.rows),
        "prompts": int(prompts.max()) + 1,
        "mismatches": _counts(stops),
        EXACT: found[EXACT],
        "scorer": {"threshold": threshold, **found[str(threshold)]},
        "baselines": {name: found[name] for name in baselines},
        "thresholds": [{"threshold": float(name), **found[name]} for name in scorers],
    }


def _counts(stops: Stops) -> dict[str, int]:
    """Count mismatches: all, and the harmless and harmful among the judgeable ones."""
    return {
        "all": int(stops.is_mismatch.sum()),
        "harmless": int(stops.harmless.sum()),
        "harmful": int(stops.harmful.sum()),
    }
