"""Reward manager `spd`: the decisions of a whole step, completed in one batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from specroll_scorer.data.rows import Row
from specroll_scorer.reward.draft_worth import SCENARIOS
from specroll_scorer.reward.reward_settings import RewardSettings
from verl.protocol import DataProto
from verl.workers.reward_manager.abstract import AbstractRewardManager
from verl.workers.reward_manager.registry import register

PARTS = ("accepted_length", "lossless_length", "right", *SCENARIOS)


@register("spd")
class SPDRewardManager(AbstractRewardManager):
    """Scores the scorer's decisions.

    Example:
        With a server of the target, a tokenizer of it, and a batch of verl's rollout `spd`:

            manager = SPDRewardManager(tokenizer, 0, completion_url="http://127.0.0.1:8000")
            rewards = manager(batch)
    """

    def __init__(
        self,
        tokenizer: Any,
        num_examine: int,
        compute_score: Any = None,
        reward_fn_key: str = "data_source",
        **settings: Any,
    ) -> None:
        """Take what verl gives its managers.

        Args:
            tokenizer: the target's; the scorer's backbone has the same.
            num_examine: how many samples of a call are printed.
            compute_score: not used: the formula is in specroll_scorer/reward/draft_worth.py.
            reward_fn_key: not used: all rows are of one source.
            settings: attributes of `RewardSettings`, from `reward_model.reward_kwargs`.

        Raises:
            RewardError: settings that make no sense.
        """
        del compute_score, reward_fn_key
        self.tokenizer = tokenizer
        self.num_examine = num_examine
        self.rewards = RewardSettings.of(settings).rewards(tokenizer)

    def __call__(self, data: DataProto, return_dict: bool = False) -> torch.Tensor | dict[str, Any]:
        """Return the rewards of a step.

        Args:
            data: as the rollout returns it, with the rows in `extra_info`.
            return_dict: verl's: return the tensor as `reward_tensor`, beside `reward_extra_info`,
                which are the parts of each reward.

        Returns:
            float32 [rows, response length], at the last decision that counts.

        Raises:
            CompletionError: a sample could not be completed; it names the sample.
        """
        decisions = _decisions(data)
        rows = [info["row"] for info in data.non_tensor_batch["extra_info"]]
        scores = self.rewards.score(decisions, rows)
        for row, parts in zip(rows[: self.num_examine], scores, strict=False):
            self._show(row, parts)
        rewards = torch.zeros(data.batch["responses"].shape, dtype=torch.float32)
        positions = torch.arange(rewards.shape[1])
        last = (data.batch["response_mask"] * positions).argmax(1)
        values = torch.tensor([parts["score"] for parts in scores], dtype=torch.float32)
        rewards[torch.arange(len(last)), last] = values
        if not return_dict:
            return rewards
        extra = defaultdict(list)
        for parts in scores:
            for name, value in parts.items():
                extra[name].append(value)
        return {"reward_tensor": rewards, "reward_extra_info": extra}

    def _show(self, row: Row, parts: Mapping[str, float]) -> None:
        """Print one sample, with what was accepted of its draft."""
        accepted = int(parts["accepted_length"])
        print("[context]", self.tokenizer.decode(row.context))
        print("[accepted]", self.tokenizer.decode(row.draft[:accepted]))
        print("[not accepted]", self.tokenizer.decode(row.draft[accepted:]))
        print("[parts]", dict(parts))


def _decisions(data: DataProto) -> list[list[int]]:
    """Return the decisions on each draft, without padding."""
    width = data.batch["responses"].shape[1]
    lengths = data.batch["attention_mask"][:, -width:].sum(1).tolist()
    return [
        row[:length] for row, length in zip(data.batch["responses"].tolist(), lengths, strict=True)
    ]


def step_metrics(extra: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the parts of a step's rewards for verl's logger: means; nothing of other rewards.

    Args:
        extra: the parts of each reward, by name.
    """
    if not set(PARTS) <= extra.keys():
        return {}
    return {f"spd/{name}": float(np.mean(extra[name])) for name in PARTS}
