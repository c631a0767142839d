# Two nodes of 8 GPUs with 80 GB each: half the devices of the published runs.
arguments+=(
  trainer.device=cuda
  trainer.n_gpus_per_node=8
  actor_rollout_ref.actor.megatron.tensor_model_parallel_size=8
  actor_rollout_ref.actor.megatron.pipeline_model_parallel_size=1
  actor_rollout_ref.actor.megatron.context_parallel_size=2
  actor_rollout_ref.actor.megatron.param_offload=True
  actor_rollout_ref.actor.megatron.optimizer_offload=True
)
