"""Policy loss `spd`: verl's own, and a penalty that keeps the scorer exploring."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from verl.trainer.ppo.core_algos import agg_loss, compute_policy_loss_vanilla, register_policy_loss

# Probabilities nearer to 1 than this are one in float32.
CLOSEST = -1e-6


@register_policy_loss("spd")
def compute_policy_loss_spd(
    old_log_prob: Tensor,
    log_prob: Tensor,
    advantages: Tensor,
    response_mask: Tensor,
    loss_agg_mode: str = "token-mean",
    config: Any = None,
    rollout_is_weights: Tensor | None = None,
) -> tuple[Tensor, dict[str, Any]]:
    """Add `policy_loss.accept_logit_penalty` times the mean z² to verl's clipped objective.

    z is what separates the accept logit from the reject logit (divided by the rollout's
    temperature) of a mismatch that the mask shows. With plain GRPO the probability of accepting
    goes to one for every class of mismatches, and what is never rejected gets no gradient any more;
    the penalty keeps it away from one. Then decide by a threshold, not by drawing, when the scorer
    is used.

    The signature is that of verl's policy losses (verl/trainer/ppo/core_algos.py); tensors are
    float [rows, response length].

    Returns:
        The loss, and metrics for verl's logger.
    """
    loss, metrics = compute_policy_loss_vanilla(
        old_log_prob=old_log_prob,
        log_prob=log_prob,
        advantages=advantages,
        response_mask=response_mask,
        loss_agg_mode=loss_agg_mode,
        config=config,
        rollout_is_weights=rollout_is_weights,
    )
    weight = config.policy_loss.get("accept_logit_penalty", 0.0)
    if weight:
        penalty = agg_loss(
            loss_mat=separation(log_prob).square(),
            loss_mask=response_mask,
            loss_agg_mode=loss_agg_mode,
        )
        loss = loss + weight * penalty
        metrics["actor/accept_logit_penalty"] = penalty.detach().item()
    return loss, metrics


def separation(log_prob: Tensor) -> Tensor:
    """Find z, up to its sign, from the log-probability of either decision.

    The probability of what was decided is sigmoid(z) or sigmoid(-z); both give the same square.
    Between decisions that are certain in float32 (|z| above 13.8) nothing is told apart.

    Args:
        log_prob: of what was decided, float, 0 or less.

    Returns:
        As `log_prob`.
    """
    log_prob = log_prob.clamp(max=CLOSEST)
    return log_prob - torch.log(-torch.expm1(log_prob))
