"""What the rounds of several methods say, compared with the rounds of the method ``none``."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.lib.engines.process import Generation
from bench.lib.output import tables

COLUMNS = (
    ("tokens/s", "tokens_per_s", ".1f"),
    ("x none", "speedup_over_none", ".2f"),
    ("tokens/step", "tokens_per_step", ".3f"),
    ("mean acceptance length", "mean_acceptance_length", ".3f"),
    ("draft acceptance rate", "draft_acceptance_rate", ".3f"),
    ("drafts accepted", "accepted_drafts", ""),
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
    header = ["method", *(title for title, _, _ in COLUMNS), "identical to none"]
    rows = [
        [
            name,
            *(tables.cell(found[key], form) for _, key, form in COLUMNS),
            "yes" if found["identical_to_none"] else "NO",
        ]
        for name, found in methods.items()
    ]
    return tables.table(header, 0, rows)
