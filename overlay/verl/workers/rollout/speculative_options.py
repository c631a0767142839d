"""What a rollout's configuration says of speculation."""

from __future__ import annotations

import json
from typing import Any

from omegaconf import DictConfig, OmegaConf


def speculative_options(rollout: DictConfig) -> dict[str, Any]:
    """Return the options of vLLM's speculation, given as a mapping or as JSON; {} without any.

    Raises:
        ValueError: they are text that is no JSON.
    """
    options = OmegaConf.select(rollout, "engine_kwargs.vllm.speculative_config") or {}
    if isinstance(options, str):
        return json.loads(options)
    return OmegaConf.to_container(OmegaConf.create(options), resolve=True)


def drafts_from_other_requests(rollout: DictConfig) -> bool:
    """Say whether requests draft from what others of their engine have written."""
    options = speculative_options(rollout)
    return options.get("method") == "sam" and bool(options.get("sam_share_prompts", True))
