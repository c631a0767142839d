"""What the rollouts of a method say, beside those of the method ``none``."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench import report
from bench.stepwise import Rollout, Step

COLUMNS = (
    ("batch", "{batch}"),
    ("method", "{method}"),
    ("longest", "{longest}"),
    ("shortest", "{shortest}"),
    ("s", "{seconds:.2f}"),
    ("x none", "{x_none:.2f}"),
    ("tail, s", "{tail_seconds:.2f}"),
    ("x none", "{tail_x_none:.2f}"),
    ("steps", "{tail_steps:.0f}"),
    ("tokens/step", "{tail_tokens_per_step:.2f}"),
    ("accepted", "{tail_accepted_tokens}"),
    ("crowd: drafter, µs", "{crowd_drafter_us:.0f}"),
    ("of step", "{crowd_drafter_share:.1%}"),
    ("drafts verified", "{crowd_draft_tokens}"),
    ("differing", "{differing}"),
)


def tail(rollout: Rollout, threshold: int) -> Rollout:
    """Return the rollout from when at most ``threshold`` requests run."""
    return Rollout(rollout.token_ids, [it for it in rollout.steps if it.running <= threshold])


def crowd(rollout: Rollout, threshold: int) -> Rollout:
    """Return the rollout while more requests run."""
    return Rollout(rollout.token_ids, [it for it in rollout.steps if it.running > threshold])


def measures(
    rollouts: Sequence[Rollout], reference: Sequence[Rollout], threshold: int
) -> dict[str, Any]:
    """Summarise the rollouts of a method, each paired with the reference's beside it.

    Seconds are medians of the rounds, and so are the ratios of the pairs; what is counted is of all
    rounds together. Tokens a step are those of one request. What the crowd's steps cost the drafter
    is None where the rollout has no crowd.
    """
    tails = [tail(each, threshold) for each in rollouts]
    reference_tails = [tail(each, threshold) for each in reference]
    in_tail = [step for each in tails for step in each.steps]
    in_crowd = [step for each in rollouts for step in crowd(each, threshold).steps]
    lengths = [len(tokens) for each in rollouts for tokens in each.token_ids]
    return {
        "shortest": min(lengths),
        "longest": max(lengths),
        "seconds": _median_seconds(rollouts),
        "x_none": speedup(rollouts, reference),
        "tail_seconds": _median_seconds(tails),
        "tail_x_none": speedup(tails, reference_tails),
        "tail_steps": median(len(each.steps) for each in tails),
        "tail_tokens_per_step": tokens_per_step(in_tail),
        "tail_accepted_tokens": sum(step.accepted_tokens for step in in_tail),
        "crowd_drafter_us": drafter_us(in_crowd),
        "crowd_drafter_share": drafter_share(in_crowd),
        "crowd_draft_tokens": sum(step.draft_tokens for step in in_crowd),
        "rounds": [
            {"seconds": whole.seconds, "tail_seconds": part.seconds}
            for whole, part in zip(rollouts, tails, strict=True)
        ],
    }


def speedup(rollouts: Sequence[Rollout], reference: Sequence[Rollout]) -> float:
    """Return the median of how many times faster each is than the reference beside it."""
    pairs = zip(rollouts, reference, strict=True)
    return median(theirs.seconds / ours.seconds for ours, theirs in pairs)


def tokens_per_step(steps: Sequence[Step]) -> float:
    """Return the tokens that a request gets in a step, with or without a draft."""
    return sum(step.tokens for step in steps) / sum(step.running for step in steps)


def drafter_us(steps: Sequence[Step]) -> float | None:
    """Return the drafter's median time in a step, microseconds; None where there are no steps."""
    return median(1e6 * step.drafter_seconds for step in steps) if steps else None


def drafter_share(steps: Sequence[Step]) -> float | None:
    """Return the drafter's share of the steps' time; None where there are no steps."""
    seconds = sum(step.seconds for step in steps)
    return sum(step.drafter_seconds for step in steps) / seconds if steps else None


def differing(rollouts: Sequence[Rollout], reference: Sequence[Rollout]) -> int:
    """Return how many answers of all rounds are not the reference's."""
    return sum(
        ours != theirs
        for a, b in zip(rollouts, reference, strict=True)
        for ours, theirs in zip(a.token_ids, b.token_ids, strict=True)
    )


def table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return a row for each batch and method, a dash for None."""
    header = [title for title, _ in COLUMNS]
    return report.table(header, 2, [[_cell(form, run) for _, form in COLUMNS] for run in runs])


def _cell(form: str, run: Mapping[str, Any]) -> str:
    known = {key: value for key, value in run.items() if value is not None}
    try:
        return form.format(**known)
    except KeyError:
        return "-"


def _median_seconds(rollouts: Sequence[Rollout]) -> float:
    return median(each.seconds for each in rollouts)
