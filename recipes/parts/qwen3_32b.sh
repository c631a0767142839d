# Qwen3-32B: model, data, lengths, and what GRPO and DAPO have in common.
#
# Lengths, training batch and draft settings are those of the published runs of DAPO with SAM on 32
# dies (hicann/cann-recipes-train, docs/llm_rl/sam_decoding.md, 3.2.1); 3.2.3 there, on 128 dies, has
# threshold 4 and 4 draft tokens. They generated 96 prompts at a time (docs/verl.md).
: "${MODEL:?is the folder of Qwen3-32B}" "${DATA:?is a folder with train.parquet and val.parquet}"

prompt_length=2048
response_length=34816
train_batch_size=32
# Paths are quoted once more for Hydra, which would read = and , in them.
arguments=(
  "data.train_files='$DATA/train.parquet'"
  "data.val_files='$DATA/val.parquet'"
  "data.train_batch_size=$train_batch_size"
  "data.max_prompt_length=$prompt_length"
  "data.max_response_length=$response_length"
  data.truncation=error
  data.filter_overlong_prompts=True
  algorithm.adv_estimator=grpo
  algorithm.use_kl_in_reward=False
  "actor_rollout_ref.model.path='$MODEL'"
  actor_rollout_ref.actor.optim.lr=1e-6
  "actor_rollout_ref.actor.ppo_mini_batch_size=$train_batch_size"
  actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=1
  actor_rollout_ref.actor.use_dynamic_bsz=True
  "actor_rollout_ref.actor.ppo_max_token_len_per_gpu=$((prompt_length + response_length))"
  actor_rollout_ref.rollout.name=vllm
  actor_rollout_ref.rollout.n=16
  actor_rollout_ref.rollout.temperature=0.9
  actor_rollout_ref.rollout.max_num_seqs=128
  "actor_rollout_ref.rollout.max_num_batched_tokens=$((prompt_length + response_length))"
  actor_rollout_ref.rollout.gpu_memory_utilization=0.8
  actor_rollout_ref.rollout.tensor_model_parallel_size=8
  actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=4
  actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=8
  trainer.val_before_train=False
  trainer.save_freq=20
  "trainer.logger=[console,tensorboard]"
  "trainer.nnodes=${NODES:-2}"
)

train() {
  exec python -m verl.trainer.main_ppo --config-name=ppo_megatron_trainer "${arguments[@]}" "$@"
}
