"""Placement of groups on real Ray: two servers, two agent loop workers, one shared placement."""

import asyncio
import json
import sys
from collections import Counter
from uuid import uuid4

import pytest

from testing.registry import require

require("synchronous rollouts")

import ray
from omegaconf import OmegaConf
from verl.experimental.agent_loop.agent_loop import AsyncLLMServerManager
from verl.experimental.agent_loop.group_servers import GroupServers, group_servers

PROMPTS = [[index, 1, 2] for index in range(8)]
GROUP = 4
SAM = {"method": "sam", "num_speculative_tokens": 3}
NGRAM = {"method": "ngram", "num_speculative_tokens": 3}

# Servers then need not import verl, which takes seconds.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


def job_config(speculative_config):
    engine = {"vllm": {"speculative_config": speculative_config}}
    return OmegaConf.create({"actor_rollout_ref": {"rollout": {"engine_kwargs": engine}}})


@ray.remote(num_cpus=0)
class Server:
    """Stand-in for vLLM: keeps every request in flight until it is told to answer."""

    def __init__(self):
        self.prompts = []
        self.answers = asyncio.Event()

    async def generate(self, request_id, prompt_ids, sampling_params, image_data):
        if sampling_params.get("fails"):
            raise ValueError("told to fail")
        self.prompts.append(tuple(prompt_ids))
        await self.answers.wait()
        return prompt_ids

    async def seen(self):
        return self.prompts

    async def answer(self):
        self.answers.set()


@ray.remote(num_cpus=0)
class Worker:
    """An agent loop worker's own manager of servers."""

    def use(self, config, servers):
        self.manager = AsyncLLMServerManager(config, servers)

    async def generate(self, prompts, sampling_params=None):
        requests = (
            self.manager.generate(
                uuid4().hex, prompt_ids=prompt, sampling_params=sampling_params or {}
            )
            for prompt in prompts
        )
        return await asyncio.gather(*requests, return_exceptions=True)


@pytest.fixture
def servers(ray_cluster):
    servers = [Server.remote() for _ in range(2)]
    yield servers
    for server in servers:
        ray.kill(server)


@pytest.fixture(scope="module")
def workers(ray_cluster):
    """Two workers, which take seconds to import verl."""
    workers = [Worker.remote() for _ in range(2)]
    yield workers
    for worker in workers:
        ray.kill(worker)


def run_step(workers, servers, samples):
    """Let each worker generate for its chunk of the batch; returns what each server was asked."""
    chunks = [samples[rank :: len(workers)] for rank in range(len(workers))]
    answers = [w.generate.remote(chunk) for w, chunk in zip(workers, chunks, strict=True)]
    seen = []
    while sum(map(len, seen)) < len(samples):
        finished, _ = ray.wait(answers, timeout=0.1)
        assert not finished, ray.get(finished)
        seen = ray.get([server.seen.remote() for server in servers])
    ray.get([server.answer.remote() for server in servers])
    ray.get(answers)
    return [Counter(prompts) for prompts in seen]


def test_groups_meet_and_load_is_balanced(workers, servers):
    ray.get([worker.use.remote(job_config(SAM), servers) for worker in workers])
    first, second = run_step(workers, servers, [p for p in PROMPTS for _ in range(GROUP)])
    assert not first.keys() & second.keys()
    assert {*first.values(), *second.values()} == {GROUP}
    # How requests of the two workers interleave is up to Ray; they may differ by a group each way.
    assert 3 <= len(first) <= 5


def test_each_worker_deals_out_its_own_chunk_otherwise(workers, servers):
    """verl's own way, which other methods keep: the samples of one prompt are scattered."""
    ray.get([worker.use.remote(job_config(NGRAM), servers) for worker in workers])
    first, second = run_step(workers, servers, [PROMPTS[0]] * GROUP)
    assert first.total() == second.total() == GROUP / 2


def test_options_may_be_json(servers):
    assert isinstance(group_servers(job_config(json.dumps(SAM)), servers), GroupServers)


@pytest.mark.parametrize("given", [None, NGRAM, {**SAM, "sam_share_prompts": False}])
def test_where_nothing_is_shared_the_choice_is_verls(given):
    assert group_servers(job_config(given), []) is None


def test_a_failed_request_is_no_load(workers, servers):
    worker = workers[0]
    ray.get(worker.use.remote(job_config(SAM), servers))
    outcomes = ray.get(worker.generate.remote(PROMPTS[:1] * 10, {"fails": True}))
    assert all("told to fail" in str(outcome) for outcome in outcomes)
    first, second = run_step([worker], servers, PROMPTS)
    assert first.total() == second.total() == len(PROMPTS) / 2
