"""The rollout half of verl's Megatron worker, with a real vLLM; Megatron itself is not installed.

What Megatron gives is stood in for: the names that are imported of it, and the bridge that exports
the weights of its model. One process, whose rollout is the same class that FSDP workers have.
"""

import importlib.abc
import importlib.machinery
import sys
import types

from testing.registry import require

require("synchronous rollouts")

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module
from transformers import AutoModelForCausalLM, AutoTokenizer
from verl import DataProto

PROMPT_LENGTH = 40
PROMPTS = torch.randint(50, (2, PROMPT_LENGTH), generator=torch.Generator().manual_seed(0))
PROCESS = {
    "RANK": "0",
    "WORLD_SIZE": "1",
    "LOCAL_RANK": "0",
    "MASTER_ADDR": "",
    "MASTER_PORT": "",
}


class AnyPart(type):
    """Classes that have every attribute, classes of the same kind."""

    def __getattr__(cls, name):
        return AnyPart.of(name)

    @staticmethod
    def of(name):
        if name.startswith("__"):
            raise AttributeError(name)
        return AnyPart(name, (), {})


class StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds every module of a package that is not there."""

    def __init__(self, package):
        self.package = package

    def find_spec(self, name, path, target=None):
        if name.split(".")[0] == self.package:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__getattr__ = AnyPart.of
        return module

    def exec_module(self, module):
        pass


class Bridge:
    """Exports the weights of a model as Megatron's bridges do: by their names in Hugging Face's."""

    def export_weights(self, modules):
        return modules[0].named_parameters()


@pytest.fixture(scope="module")
def worker(policy):
    """A worker in this process, whose rollout is built by verl."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "meta_path", [StandIn("megatron"), *sys.meta_path])
        for name, value in PROCESS.items():
            patch.setenv(name, value)
        from verl.workers.megatron_workers import ActorRolloutRefWorker, Worker

        store = torch.distributed.HashStore()
        torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
        worker = object.__new__(ActorRolloutRefWorker)
        Worker.__init__(worker)
        worker.config = job_config(policy)
        model = AutoModelForCausalLM.from_pretrained(policy)
        worker.actor = types.SimpleNamespace(actor_module=[model])
        worker.bridge = Bridge()
        worker.tokenizer = AutoTokenizer.from_pretrained(policy)
        worker.generation_config = None
        worker._is_actor = worker._is_rollout = True
        worker._is_offload_param = worker._is_offload_optimizer = False
        worker._build_rollout()
        yield worker
        torch.distributed.destroy_process_group()


def job_config(model):
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose(
            "ppo_megatron_trainer",
            overrides=[
                f"actor_rollout_ref.model.path={model}",
                "actor_rollout_ref.rollout.name=vllm",
                "actor_rollout_ref.rollout.mode=sync",
                "actor_rollout_ref.rollout.tensor_model_parallel_size=1",
                "actor_rollout_ref.rollout.dtype=float32",
                "actor_rollout_ref.rollout.free_cache_engine=False",
                "actor_rollout_ref.rollout.calculate_log_probs=True",
                # Prompts fill blocks of the prefix cache; a CPU's are of 128 tokens.
                "+actor_rollout_ref.rollout.engine_kwargs.vllm.block_size=16",
                f"data.max_prompt_length={PROMPT_LENGTH}",
                "data.max_response_length=16",
            ],
        ).actor_rollout_ref


def rollout(worker):
    batch = {
        "input_ids": PROMPTS,
        "attention_mask": torch.ones_like(PROMPTS),
        "position_ids": torch.arange(PROMPT_LENGTH).expand_as(PROMPTS),
    }
    prompts = DataProto.from_dict(batch, meta_info={"do_sample": False})
    prompts.non_tensor_batch["raw_prompt_ids"] = np.array(PROMPTS.tolist(), dtype=object)
    return worker.generate_sequences(prompts)


def log_probs(worker, output):
    """Of the responses, by the model that is trained: [prompts, response length]."""
    (model,) = worker.actor.actor_module
    tokens = output.batch["input_ids"]
    with torch.no_grad():
        logits = model(tokens).logits[:, PROMPT_LENGTH - 1 : -1]
    return logits.log_softmax(-1).gather(2, output.batch["responses"].unsqueeze(2)).squeeze(2)


def test_the_rollout_follows_the_weights(worker):
    """Also for prompts that are in the prefix cache."""
    before = rollout(worker)
    assert torch.allclose(before.batch["rollout_log_probs"], log_probs(worker, before), atol=1e-5)
    with torch.no_grad():
        for parameter in worker.actor.actor_module[0].parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    after = rollout(worker)
    assert not torch.equal(before.batch["responses"], after.batch["responses"])
    assert torch.allclose(after.batch["rollout_log_probs"], log_probs(worker, after), atol=1e-5)


def test_each_rollout_has_its_own_counts(worker):
    for output in (rollout(worker), rollout(worker)):
        counts = output.meta_info["metrics"]["speculation"]
        assert counts["sampled_tokens"] == output.batch["responses"].numel()
        assert not counts["speculative"]
