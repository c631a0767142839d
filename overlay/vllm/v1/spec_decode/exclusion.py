"""Requests and engines that speculation would change, for a vLLM that lets them speculate.

Its rejection sampler does not apply some sampling options to draft tokens
(vllm/v1/sample/rejection_sampler.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vllm.logger import init_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vllm.config import VllmConfig
    from vllm.sampling_params import SamplingParams

logger = init_logger(__name__)

# _SAMPLING_EPS of vllm/v1/sample/sampler.py.
SMALLEST_MIN_P = 1e-5


def is_excluded(params: SamplingParams) -> bool:
    """Whether a request gets no drafts; each option that is a reason is logged once."""
    options = excluding_options(params)
    for option in options:
        logger.warning_once(
            "Requests with %s get no drafts: the rejection sampler of this vLLM does not apply "
            "it to draft tokens, and would sample from another distribution.",
            option,
        )
    return bool(options)


def excluding_options(params: SamplingParams) -> list[str]:
    """Names of the options in `params` that the rejection sampler does not apply to drafts."""
    in_use = {
        "frequency_penalty": params.frequency_penalty != 0.0,
        "presence_penalty": params.presence_penalty != 0.0,
        "repetition_penalty": params.repetition_penalty != 1.0,
        "min_p": params.min_p > SMALLEST_MIN_P,
        "min_tokens": params.min_tokens > 0,
        "logit_bias": bool(params.logit_bias),
        "allowed_token_ids": bool(params.allowed_token_ids),
        "bad_words": bool(params.bad_words),
    }
    return [option for option, used in in_use.items() if used]


def refuse_logits_processors(config: VllmConfig, processors: Sequence[type]) -> None:
    """Refuse an engine that has both speculation and logits processors of its user's.

    Raises:
        ValueError: it has both.
    """
    if config.speculative_config is not None and processors:
        names = ", ".join(processor.__name__ for processor in processors)
        raise ValueError(
            f"This vLLM does not apply custom logits processors ({names}) to draft tokens: remove "
            "them or speculative_config."
        )
