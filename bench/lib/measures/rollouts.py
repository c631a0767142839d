"""What the rollouts of a method say, beside those of the method ``none``."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.lib.engines.stepping import Rollout, Step
from bench.lib.output import tables

COLUMNS = (
    ("batch", "batch", ""),
    ("epoch", "epoch", ""),
    ("method", "method", ""),
    ("longest", "longest", ""),
    ("shortest", "shortest", ""),
    ("s", "seconds", ".2f"),
    ("x none", "x_none", ".2f"),
    ("tail, s", "tail_seconds", ".2f"),
    ("x none", "tail_x_none", ".2f"),
    ("steps", "tail_steps", ".0f"),
    ("tokens/step", "tail_tokens_per_step", ".2f"),
    ("accepted", "tail_accepted_tokens", ""),
    ("crowd: drafter, µs", "crowd_drafter_us", ".0f"),
    ("of step", "crowd_drafter_share", ".1%"),
    ("drafts verified", "crowd_draft_tokens", ""),
    ("differing", "differing", ""),
)


def tail(rollout: Rollout, threshold: int) -> list[Step]:
    """Return the steps from when at most ``threshold`` requests run."""
    return [step for step in rollout.steps if step.running <= threshold]


def crowd(rollout: Rollout, threshold: int) -> list[Step]:
    """Return the steps while more requests run."""
    return [step for step in rollout.steps if step.running > threshold]


def measures(
    rollouts: Sequence[Rollout], reference: Sequence[Rollout], threshold: int
) -> dict[str, Any]:
    """Summarise the rollouts of a method, each paired with the reference's beside it.

    Seconds are medians of the rounds, and so are the ratios of the pairs; what is counted is of all
    rounds together. Tokens a step are those of one request. What a crowd or a tail has to say is
    None where the rollouts have none.
    """
    tails = [tail(each, threshold) for each in rollouts]
    reference_tails = [tail(each, threshold) for each in reference]
    in_tail = [step for steps in tails for step in steps]
    in_crowd = [step for each in rollouts for step in crowd(each, threshold)]
    lengths = [len(tokens) for each in rollouts for tokens in each.token_ids]
    return {
        "shortest": min(lengths),
        "longest": max(lengths),
        "seconds": median(each.seconds for each in rollouts),
        "x_none": speedup([each.steps for each in rollouts], [each.steps for each in reference]),
        "tail_seconds": median(map(_seconds, tails)) if in_tail else None,
        "tail_x_none": speedup(tails, reference_tails),
        "tail_steps": median(map(len, tails)),
        "tail_tokens_per_step": tokens_per_step(in_tail),
        "tail_accepted_tokens": sum(step.accepted_tokens for step in in_tail),
        "crowd_drafter_us": drafter_us(in_crowd),
        "crowd_drafter_share": drafter_share(in_crowd),
        "crowd_draft_tokens": sum(step.draft_tokens for step in in_crowd),
        "rounds": [
            {"seconds": whole.seconds, "tail_seconds": _seconds(part)}
            for whole, part in zip(rollouts, tails, strict=True)
        ],
    }


def speedup(rounds: Sequence[list[Step]], reference: Sequence[list[Step]]) -> float | None:
    """Return the median of how many times faster each is than the reference beside it."""
    pairs = [pair for pair in zip(rounds, reference, strict=True) if all(pair)]
    return median(_seconds(theirs) / _seconds(ours) for ours, theirs in pairs) if pairs else None


def tokens_per_step(steps: Sequence[Step]) -> float | None:
    """Return the tokens that a request gets in a step, with or without a draft."""
    running = sum(step.running for step in steps)
    return sum(step.tokens for step in steps) / running if running else None


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
    """Return a row for each batch, epoch and method, a dash for None."""
    header = [title for title, _, _ in COLUMNS]
    cells = [[tables.cell(run[key], form) for _, key, form in COLUMNS] for run in runs]
    return tables.table(header, 3, cells)


def _seconds(steps: Sequence[Step]) -> float:
    return sum(step.seconds for step in steps)
