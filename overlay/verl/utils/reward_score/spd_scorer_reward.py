"""Reward source `spd_scorer`: one draft at a time, for reward managers that know no batches.

The manager `spd` (verl/workers/reward_manager/spd.py) scores a whole step in one batch; use that.
"""

from __future__ import annotations

import functools
from typing import Any

from specroll_scorer.reward.draft_worth import RewardError
from specroll_scorer.reward.reward_settings import RewardSettings
from specroll_scorer.reward.rewards import Rewards
from transformers import AutoTokenizer


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: dict[str, Any],
    **settings: Any,
) -> dict[str, float]:
    """Score the decisions on one draft.

    Args:
        data_source: not looked at: this is the source `spd_scorer`.
        solution_str: not looked at: decisions are no text.
        ground_truth: not looked at: the row in `extra_info` holds it.
        extra_info: `row`, as `SPDRLHFDataset` gives it, and `response_ids`, the decisions.
        settings: attributes of `RewardSettings` (verl's `custom_reward_function.reward_kwargs`);
            those not given come from environment variables of the same name with the prefix `SPD_`,
            in capitals.

    Returns:
        `score` and its parts, see `Rewards.score`.

    Raises:
        CompletionError: the target could not complete the sample.
        RewardError: settings or decisions that make no sense.
    """
    del data_source, solution_str, ground_truth
    if "response_ids" not in extra_info:
        raise RewardError(
            "The reward manager hands on no decisions: set reward_model.reward_manager=spd"
        )
    rewards = _shared_rewards(RewardSettings.with_environment(settings))
    return rewards.score([extra_info["response_ids"]], [extra_info["row"]])[0]


@functools.cache
def _shared_rewards(settings: RewardSettings) -> Rewards:
    """Return the rewards for these settings, made once.

    Raises:
        RewardError: settings that make no sense.
    """
    if settings.tokenizer_path is None:
        raise RewardError("The SPD reward needs the target's tokenizer: set SPD_TOKENIZER_PATH")
    return settings.rewards(AutoTokenizer.from_pretrained(settings.tokenizer_path))
