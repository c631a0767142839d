# SAM: drafts of 3 tokens, in steps with at most 8 requests.
export VLLM_SPECULATIVE_BATCH_SIZE_THRE="${VLLM_SPECULATIVE_BATCH_SIZE_THRE:-8}"
arguments+=(
  +actor_rollout_ref.rollout.engine_kwargs.vllm.speculative_config.method=sam
  +actor_rollout_ref.rollout.engine_kwargs.vllm.speculative_config.num_speculative_tokens=3
)
