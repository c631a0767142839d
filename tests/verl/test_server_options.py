"""Engine options of async rollouts: from Hydra's keys to vLLM's own checks, in verl's server."""

import asyncio
import json

import pytest

from testing.registry import require

require("synchronous rollouts")

from hydra import compose, initialize_config_module
from verl.workers.rollout.replica import RolloutMode
from verl.workers.rollout.vllm_rollout.vllm_async_server import vLLMHttpServerBase

SPECULATION = "+actor_rollout_ref.rollout.engine_kwargs.vllm.speculative_config"


@pytest.fixture
def launch(ray_cluster, policy):
    """Launches a server, in this process, with these overrides."""

    def launch(*overrides):
        with initialize_config_module("verl.trainer.config", version_base=None):
            config = compose(
                "ppo_trainer",
                overrides=[
                    f"actor_rollout_ref.model.path={policy}",
                    "actor_rollout_ref.rollout.name=vllm",
                    "actor_rollout_ref.rollout.dtype=float32",
                    "data.max_prompt_length=48",
                    "data.max_response_length=24",
                    "+actor_rollout_ref.rollout.engine_kwargs.vllm.enable_sleep_mode=False",
                    *overrides,
                ],
            ).actor_rollout_ref
        server = vLLMHttpServerBase(
            config.rollout,
            config.model,
            rollout_mode=RolloutMode.STANDALONE,
            workers=[],
            replica_rank=0,
            node_rank=0,
            gpus_per_node=1,
            nnodes=1,
        )
        asyncio.run(server.launch_server())

    return launch


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "sam", "num_speculative_tokens": 3}, "cannot speculate on a CPU"),
        ({"method": "sam", "num_speculative_tokens": 0}, "greater than zero"),
        ({"method": "sam", "num_speculative_tokens": "three"}, "must be a whole number"),
        ({"method": "sam"}, "needs num_speculative_tokens"),
        ({"method": "som", "num_speculative_tokens": 3}, "Input should be 'ngram', .* or 'sam'"),
    ],
)
def test_speculation_is_checked_by_vllm(launch, options, message):
    overrides = [f"{SPECULATION}.{name}={value}" for name, value in options.items()]
    with pytest.raises(ValueError, match=message):
        launch(*overrides)


def test_lists_and_json_reach_vllm_too(launch):
    speculation = json.dumps({"method": "sam", "num_speculative_tokens": 3})
    origins = "+actor_rollout_ref.rollout.engine_kwargs.vllm.allowed_origins=[http://a,http://b]"
    with pytest.raises(ValueError, match="cannot speculate on a CPU"):
        launch(f"{SPECULATION}='{speculation}'", origins)
