# GRPO (arXiv 2402.03300), with its penalty on the distance to the reference.
arguments+=(
  actor_rollout_ref.actor.use_kl_loss=True
  actor_rollout_ref.actor.kl_loss_coef=0.001
  actor_rollout_ref.actor.kl_loss_type=low_var_kl
)
