# spread_over DEVICE COUNT STAGES: Megatron's actor on so many devices a node, in so many stages of a
# pipeline; weights wait in host memory while the engines roll out.
spread_over() {
  arguments+=(
    "trainer.device=$1"
    "trainer.n_gpus_per_node=$2"
    actor_rollout_ref.actor.megatron.tensor_model_parallel_size=8
    "actor_rollout_ref.actor.megatron.pipeline_model_parallel_size=$3"
    actor_rollout_ref.actor.megatron.context_parallel_size=2
    actor_rollout_ref.actor.megatron.param_offload=True
  )
}
