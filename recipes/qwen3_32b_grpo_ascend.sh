#!/usr/bin/env bash
# GRPO of Qwen3-32B on 32 Ascend dies, with SAM; answers of up to 34,816 tokens. Not run by this
# project, which has had no such hardware: the keys are checked against verl's configuration.
#
#   MODEL=/path/to/Qwen3-32B DATA=/path/to/rows recipes/qwen3_32b_grpo_ascend.sh [KEY=VALUE …]
#
# SAM off         ~actor_rollout_ref.rollout.engine_kwargs.vllm.speculative_config
# What to watch   rollout/spec_accept_length, rollout/spec_switched_off_share, rollout/tail_s
# Low acceptance  docs/verl.md: shorter drafts, a history of earlier epochs, another threshold
set -euo pipefail
parts="$(dirname "$0")/parts"
source "$parts/qwen3_32b.sh"
source "$parts/grpo.sh"
source "$parts/ascend.sh"
source "$parts/sam.sh"
train "$@"
