"""Looks at a rollout's speculative options before anything is started."""

from __future__ import annotations

from typing import get_args

from omegaconf import DictConfig
from verl.workers.rollout.speculative_options import speculative_options

WITHOUT_A_MODEL = {None, "ngram", "suffix", "sam"}


def check_speculation(rollout: DictConfig) -> None:
    """Let vLLM check the options that would else fail where its server starts, minutes later.

    Options of other methods than ngram, suffix and sam are left to the server, which has the
    target model at hand, and so is everything where vLLM cannot be imported, as on a head node
    without an accelerator.

    Raises:
        ValueError: vLLM does not take the options, or the variable of the batch-size switch is no
            whole number.
    """
    speculative = speculative_options(rollout) if rollout.get("name") == "vllm" else {}
    if not speculative:
        return
    try:
        from specroll_speculation.batch_switch import threshold_from_environment
        from vllm.config.speculative import SpeculativeConfig, SpeculativeMethod
    except ImportError:
        return

    threshold_from_environment()
    method, model = speculative.get("method"), speculative.get("model")
    if model is None and (method in WITHOUT_A_MODEL or method not in get_args(SpeculativeMethod)):
        SpeculativeConfig(**speculative)
