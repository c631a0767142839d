"""What the rounds of several methods say, compared with the rounds of the method ``none``."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.engine_process import Generation

REFERENCE = "none"
COLUMNS = (
    ("method", "{method}"),
    ("tokens/s", "{tokens_per_s:.1f}"),
    ("x none", "{speedup_over_none:.2f}"),
    ("tokens/step", "{tokens_per_step:.3f}"),
    ("mean acceptance length", "{mean_acceptance_length:.3f}"),
    ("draft acceptance rate", "{draft_acceptance_rate:.3f}"),
    ("drafts accepted", "{accepted_drafts}"),
    ("identical to none", "{identical_to_none}"),
)


def measures(rounds: Sequence[Generation], reference: Sequence[Generation]) -> dict[str, Any]:
    """Summarise the rounds of one method, each paired with the reference's round beside it.

    Speeds are medians over rounds, the speed-up is the median of the paired ratios, and what
    concerns drafts is of all rounds together. Tokens a step count every step of a request. As
    vLLM counts it, the mean acceptance length leaves out steps without a draft, which favours a
    method that seldom drafts; it is None, like the rate, where there was no draft at all.
    """
    drafts = sum(each.drafts for each in rounds)
    draft_tokens = sum(each.draft_tokens for each in rounds)
    accepted = sum(each.accepted_tokens for each in rounds)
    tokens = sum(each.tokens for each in rounds)
    pairs = list(zip(rounds, reference, strict=True))
    return {
        "tokens_per_s": median(map(tokens_per_s, rounds)),
        "speedup_over_none": median(tokens_per_s(a) / tokens_per_s(b) for a, b in pairs),
        # A step puts out one token and the draft tokens that it accepts. Those accepted beyond
        # the end of an output are counted too: very short outputs say nothing.
        "tokens_per_step": tokens / (tokens - accepted) if accepted < tokens else None,
        "mean_acceptance_length": 1 + accepted / drafts if drafts else None,
        "draft_acceptance_rate": accepted / draft_tokens if draft_tokens else None,
        "accepted_drafts": accepted,
        "identical_to_none": all(a.token_ids == b.token_ids for a, b in pairs),
        "rounds": [{"tokens": each.tokens, "seconds": each.seconds} for each in rounds],
    }


def tokens_per_s(generation: Generation) -> float:
    """Return output tokens a second of wall time."""
    return generation.tokens / generation.seconds


def table(methods: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the measures of the methods as a table for the terminal, a dash for None."""
    rows = [[title for title, _ in COLUMNS]]
    rows += [[_cell(form, name, found) for _, form in COLUMNS] for name, found in methods.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


def _cell(form: str, method: str, found: Mapping[str, Any]) -> str:
    known = {key: value for key, value in found.items() if value is not None}
    known["identical_to_none"] = "yes" if found["identical_to_none"] else "NO"
    try:
        return form.format(method=method, **known)
    except KeyError:
        return "-"
