# Two Atlas A3 nodes of 16 dies each, as in the published runs; engines run eagerly there, and drafts
# are refused in full graphs (docs/ascend.md).
source "$parts/megatron.sh"
spread_over npu 16 2
arguments+=(actor_rollout_ref.rollout.enforce_eager=True)
