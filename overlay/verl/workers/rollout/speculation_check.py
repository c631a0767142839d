"""Looks at a rollout's speculative options before anything is started."""

from __future__ import annotations

from importlib.util import find_spec
from typing import get_args

from omegaconf import DictConfig, OmegaConf

WITHOUT_A_MODEL = {None, "ngram", "sam"}


def check_speculation(rollout: DictConfig) -> None:
    """Let vLLM check the options that would else fail where its server starts, minutes later.

    Options of methods with a model of their own are left to the server, which has the target model
    at hand, and so is everything where there is no vLLM, as on the head node of a cluster.

    Raises:
        ValueError: vLLM does not take the options, or the variable of the batch-size switch is no
            whole number.
    """
    speculative = OmegaConf.select(rollout, "engine_kwargs.vllm.speculative_config")
    if not speculative or find_spec("vllm") is None:
        return
    from sam_drafting.batch_switch import threshold_from_environment
    from vllm.config.speculative import SpeculativeConfig, SpeculativeMethod

    threshold_from_environment()
    method, model = speculative.get("method"), speculative.get("model")
    if model is None and (method in WITHOUT_A_MODEL or method not in get_args(SpeculativeMethod)):
        SpeculativeConfig(**OmegaConf.to_container(speculative, resolve=True))
