# Two nodes of 8 GPUs with 80 GB each: half the devices of the published runs.
source "$parts/megatron.sh"
spread_over cuda 8 1
arguments+=(actor_rollout_ref.actor.megatron.optimizer_offload=True)
