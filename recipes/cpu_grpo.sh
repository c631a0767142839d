#!/usr/bin/env bash
# GRPO with SAM on a machine without an accelerator: the small one that `ci/demo rl` runs.
#
#   MODEL=/path/to/model DATA=/path/to/rows REWARD=/path/to/reward.py recipes/cpu_grpo.sh [KEY=VALUE …]
#
# MODEL    a model folder in float32, whose tokenizer has a chat template
# DATA     a folder with train.parquet and val.parquet
# REWARD   a Python file with compute_score
# RANKS    training ranks, with a vLLM replica each (default: 1)
#
# SAM off         ~actor_rollout_ref.rollout.engine_kwargs.vllm.speculative_config
# What to watch   rollout/spec_accept_length, rollout/spec_switched_off_share, rollout/tail_s
# Low acceptance  docs/verl.md: shorter drafts, a history of earlier epochs, another threshold
set -euo pipefail
: "${MODEL:?is the folder of a model}" "${DATA:?is a folder with train.parquet and val.parquet}"
: "${REWARD:?is a Python file with compute_score}"
RANKS="${RANKS:-1}"

# The platform is asked for by name; torch.compile and usage reports only cost time here.
export VERL_PLATFORM=cpu HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false OMP_NUM_THREADS=1
export TORCH_COMPILE_DISABLE=1 RAY_USAGE_STATS_ENABLED=0 VLLM_NO_USAGE_STATS=1
export VLLM_CPU_KVCACHE_SPACE="${VLLM_CPU_KVCACHE_SPACE:-1}"
# Speculation is off while more requests than this are in a step.
export VLLM_SPECULATIVE_BATCH_SIZE_THRE="${VLLM_SPECULATIVE_BATCH_SIZE_THRE:-32}"
unset CUDA_VISIBLE_DEVICES

SPECULATIVE=actor_rollout_ref.rollout.engine_kwargs.vllm.speculative_config
# Paths are quoted once more for Hydra, which would read = and , in them.
arguments=(
  algorithm.adv_estimator=grpo
  "data.train_files='$DATA/train.parquet'"
  "data.val_files='$DATA/val.parquet'"
  data.train_batch_size=16
  data.max_prompt_length=192
  data.max_response_length=256
  data.dataloader_num_workers=0
  data.filter_overlong_prompts=False
  "reward.custom_reward_function.path='$REWARD'"
  reward.num_workers=1
  "actor_rollout_ref.model.path='$MODEL'"
  actor_rollout_ref.model.use_remove_padding=False
  actor_rollout_ref.model.enable_gradient_checkpointing=False
  +actor_rollout_ref.model.override_config.attn_implementation=sdpa
  actor_rollout_ref.actor.strategy=fsdp2
  actor_rollout_ref.actor.use_torch_compile=False
  actor_rollout_ref.actor.use_dynamic_bsz=False
  actor_rollout_ref.actor.fsdp_config.model_dtype=fp32
  actor_rollout_ref.actor.fsdp_config.dtype=float32
  +actor_rollout_ref.actor.fsdp_config.mixed_precision.param_dtype=fp32
  actor_rollout_ref.actor.ppo_mini_batch_size=16
  actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=32
  actor_rollout_ref.actor.optim.lr=3e-4
  actor_rollout_ref.rollout.name=vllm
  actor_rollout_ref.rollout.n=8
  actor_rollout_ref.rollout.temperature=1.0
  actor_rollout_ref.rollout.dtype=float32
  actor_rollout_ref.rollout.enforce_eager=True
  actor_rollout_ref.rollout.free_cache_engine=False
  +actor_rollout_ref.rollout.enable_sleep_mode=False
  actor_rollout_ref.rollout.tensor_model_parallel_size=1
  actor_rollout_ref.rollout.max_model_len=512
  actor_rollout_ref.rollout.max_num_seqs=128
  actor_rollout_ref.rollout.max_num_batched_tokens=4096
  actor_rollout_ref.rollout.agent.num_workers=1
  actor_rollout_ref.rollout.checkpoint_engine.update_weights_bucket_megabytes=16
  actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=32
  +actor_rollout_ref.rollout.engine_kwargs.vllm.num_gpu_blocks_override=640
  "+$SPECULATIVE.method=sam"
  "+$SPECULATIVE.num_speculative_tokens=3"
  "trainer.n_gpus_per_node=$RANKS"
  trainer.nnodes=1
  trainer.device=cpu
  trainer.val_before_train=False
  trainer.test_freq=-1
  trainer.save_freq=-1
  trainer.total_epochs=1000
  "+ray_kwargs.ray_init.num_gpus=$RANKS"
  ray_kwargs.ray_init.num_cpus=32
  +ray_kwargs.ray_init.include_dashboard=False
  transfer_queue.backend.SimpleStorage.num_data_storage_units=1
)
exec python -m verl.trainer.main_ppo "${arguments[@]}" "$@"
