"""Megatron users get the same rollout: what their configuration leads to, without the library."""

import json

import pytest

from testing.registry import require

require("rollouts by server replicas")

from hydra import compose, initialize_config_module
from omegaconf import OmegaConf
from verl.workers.rollout.group_load_balancer import GroupLoadBalancer, load_balancer_of
from verl.workers.rollout.replica import get_rollout_replica_class
from verl.workers.rollout.speculation_check import check_speculation
from verl.workers.rollout.vllm_rollout.vllm_async_server import vLLMHttpServer, vLLMReplica

ROLLOUT = "actor_rollout_ref.rollout"
SPECULATIVE = f"{ROLLOUT}.engine_kwargs.vllm.speculative_config"
SAM = [f"+{SPECULATIVE}.method=sam", f"+{SPECULATIVE}.num_speculative_tokens=3"]


def configured(*overrides, trainer="ppo_megatron_trainer"):
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose(trainer, [f"{ROLLOUT}.name=vllm", *overrides])


@pytest.mark.parametrize("trainer", ["ppo_megatron_trainer", "ppo_trainer"])
def test_the_keys_lead_to_the_same_servers(trainer):
    config = configured(*SAM, trainer=trainer)
    rollout = config.actor_rollout_ref.rollout
    check_speculation(rollout)
    assert load_balancer_of(rollout) is GroupLoadBalancer
    assert get_rollout_replica_class(rollout.name) is vLLMReplica
    assert hasattr(vLLMHttpServer, "take_speculation_counts")
    assert rollout.engine_kwargs.vllm.speculative_config == {
        "method": "sam",
        "num_speculative_tokens": 3,
    }


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        [f"+{SPECULATIVE}.method=ngram", f"+{SPECULATIVE}.num_speculative_tokens=3"],
        [*SAM, f"+{SPECULATIVE}.sam_share_prompts=False"],
        [*SAM, f"{ROLLOUT}.full_determinism=True"],
        [*SAM, f"{ROLLOUT}.router_config_path=router.yaml"],
    ],
)
def test_elsewhere_servers_are_verls_choice(overrides):
    assert load_balancer_of(configured(*overrides).actor_rollout_ref.rollout) is None


def test_options_may_be_json():
    options = {"vllm": {"speculative_config": json.dumps({"method": "sam"})}}
    rollout = OmegaConf.create({"name": "vllm", "engine_kwargs": options})
    assert load_balancer_of(rollout) is GroupLoadBalancer


def test_a_wrong_method_is_refused_here_too():
    config = configured(f"+{SPECULATIVE}.method=smm", f"+{SPECULATIVE}.num_speculative_tokens=3")
    with pytest.raises(ValueError, match="Input should be 'ngram'"):
        check_speculation(config.actor_rollout_ref.rollout)
