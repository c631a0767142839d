"""What `method="sam"` accepts in a `SpeculativeConfig`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from specroll_speculation.batch_switch import VARIABLE, speculates, threshold_from_environment
from specroll_speculation.step_costs import StepCosts

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.config.parallel import ParallelConfig
    from vllm.config.speculative import SpeculativeConfig

# MAX_SPEC_LEN of vllm/v1/sample/rejection_sampler.py.
MAX_SPECULATIVE_TOKENS = 128

# Options of other methods, which would have no effect. They are listed, and not the fields that the
# method takes: a field that upstream adds is mostly one that the engine fills in or that belongs to
# verification, and an engine that would not start for it is worse than an option without effect.
# Upstream names most options after what they are for; those of a draft model, which came first,
# have names of their own (`SpeculativeConfig` in vllm/config/speculative.py).
FOREIGN_PREFIXES = (
    "draft_",  # a draft model, and how it samples
    "prompt_lookup_",  # ngram
    "suffix_",  # suffix decoding
    "dspark_",  # DSpark
)
# Ranges of batch sizes with a draft length each, as [first, last, length].
LENGTHS = "num_speculative_tokens_per_batch_size"
FOREIGN_OPTIONS = frozenset(
    {
        # a draft model: which one, and how it runs
        "model",
        "revision",
        "code_revision",
        "quantization",
        "kv_cache_dtype",
        "max_model_len",
        "tensor_parallel_size",
        "attention_backend",
        "moe_backend",
        # EAGLE, MTP and other heads
        "disable_padded_drafter_batch",
        "parallel_drafting",
        "speculative_token_tree",
        "use_heterogeneous_vocab",
        "use_local_argmax_reduction",
        "disable_eagle_block_drop",
        "index_share_for_mtp_iteration",
        # how many draft tokens to verify, by how sure a drafter is of each: `sam` does not say
        "enable_adaptive_verification",
        # read by no method any more
        "disable_by_batch_size",
        "disable_logprobs",
    }
)


def validate_sam(config: SpeculativeConfig) -> None:
    """Check a configuration whose method is `sam`, on a release that verifies none in a pipeline.

    Such a release also takes the state of recurrent layers from the wrong place for a request
    without drafts (`num_decode_draft_tokens` in vllm/v1/worker/gpu_model_runner.py).

    Raises:
        ValueError: as `validate_options`, there is a pipeline, or the model has recurrent layers.
    """
    validate_options(config)
    refuse_pipeline(config.target_parallel_config)
    target = config.target_model_config
    if target is not None and target.is_hybrid:
        raise ValueError(
            "method='sam' and a model with recurrent layers do not go together in this release of "
            "vLLM: remove the method."
        )


def validate_options(config: SpeculativeConfig) -> None:
    """Check what is set beside the method `sam`.

    Raises:
        ValueError: `num_speculative_tokens` is missing, no whole number or beyond the rejection
            sampler's limit, an option of the method is out of its range, an option of another
            method is set, drafts would be accepted whatever the target model says, two settings
            say when to draft, step costs cannot be read, or the target model generates nothing.
    """
    check_draft_length(config.num_speculative_tokens)
    check_options(config)
    refuse_foreign_options(config)
    refuse_lossy_verification(config)
    check_lengths(config)
    step_costs(config)
    target = config.target_model_config
    if target is not None and target.runner_type == "pooling":
        raise ValueError("method='sam' drafts tokens, a pooling model has none: remove it.")


def check_runner(config: VllmConfig) -> None:
    """Refuse what does not go with the model runner and the scheduling that are chosen.

    Raises:
        ValueError: there is a pipeline, and not the second runner with overlapping steps.
    """
    if not (config.use_v2_model_runner and config.scheduler_config.async_scheduling):
        refuse_pipeline(config.parallel_config)


def has_lengths_of_its_own(config: SpeculativeConfig) -> bool:
    """Say whether upstream's option, where there is one, gives a draft length for each size."""
    return getattr(config, LENGTHS, None) is not None


def check_lengths(config: SpeculativeConfig) -> None:
    """Check upstream's option, and refuse it beside the variable, which says the same.

    Upstream itself reads it when the model is loaded. Where ranks share the data, it may drop it:
    the ranks of a draft model could wait for each other.

    Raises:
        ValueError: both are set, the option is malformed, or ranks share the data.
    """
    if not has_lengths_of_its_own(config):
        return
    from vllm.v1.spec_decode.dynamic.utils import validate_and_normalize_dynamic_sd_schedule

    validate_and_normalize_dynamic_sd_schedule(getattr(config, LENGTHS))
    if VARIABLE in os.environ:
        raise ValueError(
            f"{LENGTHS} and {VARIABLE}={os.environ[VARIABLE]} both say in which batches "
            "method='sam' drafts: leave one of them out."
        )
    parallel = config.target_parallel_config
    if parallel is not None and parallel.data_parallel_size > 1:
        raise ValueError(
            f"{LENGTHS} and data_parallel_size={parallel.data_parallel_size} do not go together: "
            f"set {VARIABLE} instead."
        )


def step_costs(config: SpeculativeConfig) -> StepCosts | None:
    """Return the costs that a user gives, None where there are none, or no option for them.

    Raises:
        ValueError: they cannot be read.
    """
    file = getattr(config, "sam_step_costs", None)
    return None if file is None else StepCosts.read(file)


def switch_setting(config: SpeculativeConfig) -> str:
    """Return what decides in which batches to draft, as a user sets it.

    Raises:
        ValueError: the threshold in the environment is no whole number.
    """
    if has_lengths_of_its_own(config):
        return LENGTHS
    return f"{VARIABLE}={threshold_from_environment()}"


def draft_lengths(longest: int, largest_batch: int) -> list[int]:
    """Return how long drafts may be, by the number of requests in the batch, from 0 on.

    Raises:
        ValueError: the threshold in the environment is no whole number.
    """
    threshold = threshold_from_environment()
    sizes = range(largest_batch + 1)
    return [longest if speculates(size, threshold) else 0 for size in sizes]


def check_draft_length(num_speculative_tokens: object) -> None:
    """Check the longest draft; upstream itself refuses numbers below 1.

    Raises:
        ValueError: it is missing, no whole number, or too large.
    """
    if num_speculative_tokens is None:
        raise ValueError("method='sam' needs num_speculative_tokens, the longest draft a step.")
    if not isinstance(num_speculative_tokens, int):
        raise ValueError(
            f"num_speculative_tokens must be a whole number, not {num_speculative_tokens!r}."
        )
    if num_speculative_tokens > MAX_SPECULATIVE_TOKENS:
        raise ValueError(
            f"num_speculative_tokens={num_speculative_tokens} is more than the rejection "
            f"sampler takes: use at most {MAX_SPECULATIVE_TOKENS}."
        )


def check_options(config: SpeculativeConfig) -> None:
    """Check the options whose names begin with `sam_`.

    Raises:
        ValueError: one is out of its range, or needs another.
    """
    if config.sam_history_tokens < 0:
        raise ValueError(
            f"sam_history_tokens={config.sam_history_tokens} must be 0, for no history, or more."
        )
    if config.sam_history_tokens and not config.sam_share_prompts:
        raise ValueError(
            f"sam_history_tokens={config.sam_history_tokens} needs sam_share_prompts: history is "
            "shared among requests with one prompt."
        )
    if not 0 <= config.sam_min_acceptance < 1:
        raise ValueError(
            f"sam_min_acceptance={config.sam_min_acceptance} must be at least 0 and less than 1."
        )


def refuse_foreign_options(config: SpeculativeConfig) -> None:
    """Refuse what would have no effect.

    Raises:
        ValueError: an option of another method is set.
    """
    foreign = [
        name
        for name, field in type(config).__pydantic_fields__.items()
        if is_foreign(name) and getattr(config, name) != field.get_default()
    ]
    if foreign:
        raise ValueError(
            "method='sam' takes num_speculative_tokens and options that begin with sam_: remove "
            f"{', '.join(foreign)}."
        )


def refuse_lossy_verification(config: SpeculativeConfig) -> None:
    """Refuse upstream's verification for benchmarks, which accepts drafts by lot.

    Raises:
        ValueError: it is chosen.
    """
    if getattr(config, "rejection_sample_method", None) == "synthetic":
        raise ValueError(
            "method='sam' is lossless, and rejection_sample_method='synthetic' accepts drafts "
            "whatever the target model says: remove it."
        )


def is_foreign(name: str) -> bool:
    """Say whether an option belongs to another method.

    >>> [is_foreign(name) for name in ("prompt_lookup_max", "sam_history_tokens", "not_known_yet")]
    [True, False, False]
    """
    return name in FOREIGN_OPTIONS or name.startswith(FOREIGN_PREFIXES)


def refuse_pipeline(parallel: ParallelConfig | None) -> None:
    """Refuse pipeline parallelism, with which vLLM fails for drafts of other methods too.

    Ranks of the first stages fail: they have no drafter, but ask of which kind it is
    (vllm/v1/worker/gpu_model_runner.py). The scheduler takes drafts of batches in flight, whose new
    tokens it has not seen (`step_with_batch_queue` in vllm/v1/engine/core.py).

    Raises:
        ValueError: there is more than one stage.
    """
    if parallel is not None and parallel.pipeline_parallel_size > 1:
        raise ValueError(
            f"method='sam' and pipeline_parallel_size={parallel.pipeline_parallel_size} do not go "
            "together, for vLLM verifies no drafts in a pipeline: use tensor_parallel_size."
        )
