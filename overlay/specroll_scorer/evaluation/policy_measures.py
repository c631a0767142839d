"""What policies gain and cost: accepted lengths, right answers, accept rates.

Harmless mismatches outnumber harmful ones by far, so that a rate over both would hide the harm:
there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from specroll_scorer.data.rows import Row
from specroll_scorer.data.stops import BoolArray, IntArray, Stops
from specroll_scorer.progress import progress

EXACT = "exact"

RESAMPLES = 1000
SEED = 0
INTERVAL = 0.025, 0.975

FloatArray = npt.NDArray[np.float64]


def measured(stops: Stops, policies: Mapping[str, BoolArray], prompts: IntArray) -> dict[str, Any]:
    """Measure policies, each by itself and against `exact`.

    Args:
        stops: those of the drafts.
        policies: the mismatches that each accepts, by name; `exact` is one of them.
        prompts: a number for the prompt of each row, 0 to prompts - 1, int64 [rows].

    Returns:
        By the name: `accepted_len` (mean, tokens), `accuracy` after completion, accept rates
        on harmless and harmful mismatches, over all and over those that the policy reached, and
        how many it reached (see `rates`); `length_ratio` and `accuracy_difference` to exact match,
        each with its interval over prompts (see `against_exact`).
    """
    lengths, right, found = [], [], {}
    rows = np.arange(len(prompts))
    for name, accepts in policies.items():
        ends = stops.first_rejection(accepts)
        lengths.append(stops.lengths[rows, ends])
        right.append(stops.right[rows, ends])
        means = {"accepted_len": float(lengths[-1].mean()), "accuracy": float(right[-1].mean())}
        found[name] = {**means, **rates(stops, accepts, ends)}
    compared = against_exact(list(policies), np.stack(lengths), np.stack(right), prompts)
    return {name: {**found[name], **compared[name]} for name in policies}


def rates(stops: Stops, accepts: BoolArray, ends: IntArray) -> dict[str, Any]:
    """Find accept rates on harmless and harmful mismatches; None where there is none of a kind.

    Every judgeable mismatch of a draft counts. Those with `_reached` count only where the policy
    accepted all before: what it lets through there decides the answer.

    Args:
        stops: those of the drafts.
        accepts: the mismatches that the policy accepts.
        ends: the stop at which it ends, int64 [rows].
    """
    is_reached = np.arange(accepts.shape[1]) <= ends[:, None]
    found: dict[str, Any] = {}
    for kind, is_kind in (("harmless", stops.harmless), ("harmful", stops.harmful)):
        reached = is_kind & is_reached
        found[f"accept_{kind}"] = _share(accepts[is_kind])
        found[f"accept_{kind}_reached"] = _share(accepts[reached])
        found[f"{kind}_reached"] = int(reached.sum())
    return found


def against_exact(
    names: Sequence[str], lengths: IntArray, right: BoolArray, prompts: IntArray
) -> dict[str, dict[str, Any]]:
    """Compare policies with exact match, with 95 % intervals from prompts drawn anew.

    Args:
        names: of the policies; `exact` is one of them.
        lengths: accepted tokens, int64 [policies, rows].
        right: whether the answer is right, bool [policies, rows].
        prompts: a number for the prompt of each row, int64 [rows].

    Returns:
        By name: `length_ratio` and `accuracy_difference`, each beside its `_interval` of two
        numbers; a ratio is None where exact match accepts nothing.
    """
    values = np.concatenate([lengths, right, np.ones((1, len(prompts)))])
    sums = np.vstack([values.sum(axis=1), resampled_sums(values, prompts)])
    length_sums, right_sums = sums[:, : len(names)], sums[:, len(names) : -1]
    exact = names.index(EXACT)
    ratios = np.full_like(length_sums, np.nan)
    reference = length_sums[:, [exact]]
    np.divide(length_sums, reference, out=ratios, where=reference > 0)
    differences = (right_sums - right_sums[:, [exact]]) / sums[:, -1:]
    return {
        name: {
            **_with_interval("length_ratio", ratios[:, i]),
            **_with_interval("accuracy_difference", differences[:, i]),
        }
        for i, name in enumerate(names)
    }


def resampled_sums(values: FloatArray, prompts: IntArray) -> FloatArray:
    """Sum over the rows of as many prompts, drawn with replacement: the bootstrap.

    Rows of one prompt are drawn together, for they are alike.

    Args:
        values: [quantities, rows].
        prompts: a number for the prompt of each row, int64 [rows].

    Returns:
        [RESAMPLES, quantities].
    """
    generator = np.random.default_rng(SEED)
    count = int(prompts.max()) + 1
    of_prompts = np.stack([np.bincount(prompts, each, count) for each in values], axis=1)
    sums = []
    for _ in progress(range(RESAMPLES), "drawing prompts anew"):
        drawn = generator.integers(count, size=count)
        sums.append(np.bincount(drawn, minlength=count) @ of_prompts)
    return np.stack(sums)


def prompt_numbers(rows: Iterable[Row]) -> IntArray:
    """Number the rows' contexts from 0, the same for equal ones: int64 [rows]."""
    numbers: dict[tuple[int, ...], int] = {}
    contexts = (tuple(row.context) for row in rows)
    return np.array([numbers.setdefault(context, len(numbers)) for context in contexts])


def _share(flags: BoolArray) -> float | None:
    return float(flags.mean()) if flags.size else None


def _with_interval(name: str, found: FloatArray) -> dict[str, Any]:
    """Return the value, which comes first, and the interval of those of the draws behind it."""
    value, draws = found[0], found[1:]
    if np.isnan(found).any():
        return {name: None if np.isnan(value) else float(value), f"{name}_interval": None}
    return {name: float(value), f"{name}_interval": np.quantile(draws, INTERVAL).tolist()}
