"""Where two engines put out different tokens, and how near a tie the target model was there."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.lib.engines.process import Generation


@dataclass(frozen=True)
class Difference:
    """The first position at which an output departs from the reference; None is past its end.

    Example: ``Difference(prompt=0, position=7, reference_token=12, token=15)``.
    """

    prompt: int
    position: int
    reference_token: int | None
    token: int | None


def first_differences(reference: Generation, other: Generation) -> list[Difference]:
    """Return one difference for every prompt whose tokens are not the reference's."""
    pairs = zip(reference.token_ids, other.token_ids, strict=True)
    return [_first(i, expected, got) for i, (expected, got) in enumerate(pairs) if expected != got]


def _first(prompt: int, expected: Sequence[int], got: Sequence[int]) -> Difference:
    shorter = min(len(expected), len(got))
    position = next((i for i in range(shorter) if expected[i] != got[i]), shorter)
    return Difference(
        prompt,
        position,
        expected[position] if position < len(expected) else None,
        got[position] if position < len(got) else None,
    )


def logit_gaps(
    model: str, reference: Generation, differences: Sequence[Difference]
) -> list[float | None]:
    """Return how much higher the target model rates the reference's token than the other one.

    Transformers computes it in float32 on the text that both have in common. About zero means a
    tie, which rounding may break either way; None means that an output ended early.
    """
    if not differences:
        return []
    # Only now: a comparison without differences needs no second copy of the model.
    from transformers import AutoModelForCausalLM

    target = AutoModelForCausalLM.from_pretrained(model, dtype="float32").eval()
    return [_logit_gap(target, reference, difference) for difference in differences]


def _logit_gap(target: object, reference: Generation, difference: Difference) -> float | None:
    import torch

    if difference.reference_token is None or difference.token is None:
        return None
    prompt = reference.prompt_token_ids[difference.prompt]
    common = prompt + reference.token_ids[difference.prompt][: difference.position]
    with torch.inference_mode():
        logits = target(torch.tensor([common])).logits[0, -1]  # type: ignore[operator]
    return float(logits[difference.reference_token] - logits[difference.token])
