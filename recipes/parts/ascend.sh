# Two Atlas A3 nodes of 16 dies each, as in the published runs; engines run eagerly there, and drafts
# are refused in full graphs (docs/ascend.md).
arguments+=(
  trainer.device=npu
  trainer.n_gpus_per_node=16
  actor_rollout_ref.actor.megatron.tensor_model_parallel_size=8
  actor_rollout_ref.actor.megatron.pipeline_model_parallel_size=2
  actor_rollout_ref.actor.megatron.context_parallel_size=2
  actor_rollout_ref.actor.megatron.param_offload=True
  actor_rollout_ref.rollout.enforce_eager=True
)
