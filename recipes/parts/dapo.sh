# DAPO (arXiv 2503.14476): groups without a difference are drawn again, clipping is wider upwards.
arguments+=(
  algorithm.filter_groups.enable=True
  algorithm.filter_groups.metric=acc
  actor_rollout_ref.actor.clip_ratio_low=0.2
  actor_rollout_ref.actor.clip_ratio_high=0.28
  actor_rollout_ref.actor.clip_ratio_c=10.0
  actor_rollout_ref.actor.loss_agg_mode=token-mean
  actor_rollout_ref.actor.use_kl_loss=False
  reward.reward_manager.name=dapo
)
