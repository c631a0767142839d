"""What `method="sam"` accepts in a `SpeculativeConfig`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vllm.config.speculative import SpeculativeConfig

# MAX_SPEC_LEN of vllm/v1/sample/rejection_sampler.py.
MAX_SPECULATIVE_TOKENS = 128

# What the engine fills in, and what belongs to verification rather than to a drafter, in any of the
# releases that this is for.
ACCEPTED_FIELDS = frozenset(
    {
        "method",
        "num_speculative_tokens",
        "target_model_config",
        "target_parallel_config",
        "enable_chunked_prefill",
        "disable_log_stats",
        "enforce_eager",
        "rejection_sample_method",
        "synthetic_acceptance_rates",
        "synthetic_acceptance_length",
    }
)


def validate_sam(config: SpeculativeConfig) -> None:
    """Check a configuration whose method is `sam`.

    Raises:
        ValueError: `num_speculative_tokens` is missing, no whole number or beyond the rejection
            sampler's limit, an option of another method is set, or the target model generates
            nothing.
    """
    if config.num_speculative_tokens is None:
        raise ValueError("method='sam' needs num_speculative_tokens, the longest draft a step.")
    if not isinstance(config.num_speculative_tokens, int):
        raise ValueError(
            f"num_speculative_tokens must be a whole number, not {config.num_speculative_tokens!r}."
        )
    if config.num_speculative_tokens > MAX_SPECULATIVE_TOKENS:
        raise ValueError(
            f"num_speculative_tokens={config.num_speculative_tokens} is more than the rejection "
            f"sampler takes: use at most {MAX_SPECULATIVE_TOKENS}."
        )
    target = config.target_model_config
    if target is not None and target.runner_type == "pooling":
        raise ValueError("method='sam' drafts tokens, a pooling model has none: remove it.")
    foreign = [
        name
        for name, field in type(config).__pydantic_fields__.items()
        if name not in ACCEPTED_FIELDS and getattr(config, name) != field.get_default()
    ]
    if foreign:
        raise ValueError(
            f"method='sam' takes num_speculative_tokens and nothing else: remove "
            f"{', '.join(foreign)}."
        )
