"""verl's rollout servers of several methods, all alive in one Ray session."""

import asyncio
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import ray
from hydra import compose, initialize_config_module
from omegaconf import DictConfig
from transformers import AutoTokenizer
from verl.workers.rollout.llm_server import LLMServerManager
from verl.workers.rollout.replica import TokenOutput
from verl.workers.rollout.speculation_metrics import Counts, take_counts_of_servers

from bench.lib.engines.methods import THRESHOLD_VARIABLE, speculative_config
from bench.lib.engines.requests import Request
from bench.lib.output.progress import progress
from testing.cpu_environment import CPU_ENVIRONMENT

ROLLOUT = "actor_rollout_ref.rollout"
# Tokens that a block of vLLM's cache holds on a CPU. The cache would else take a GiB a server.
BLOCK_SIZE = 128
# For a second after its last step a worker keeps a core busy with waiting for the next
# (vllm/distributed/device_communicators/shm_broadcast.py), which would slow another method's turn.
SECONDS_TO_IDLE = 1.5
VERL_ENVIRONMENT = {"VERL_PLATFORM": "cpu", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True)
class ServerSetting:
    """What the servers of all methods have in common.

    Example: ``ServerSetting("model", 4, 512, 3, threshold=8).config("sam")``.
    """

    model: str
    batch: int
    max_model_len: int
    num_speculative_tokens: int
    threshold: int
    replicas: int = 1

    def config(self, method: str) -> DictConfig:
        """Return verl's configuration for servers of ``method``."""
        overrides = [
            f"actor_rollout_ref.model.path='{self.model}'",
            f"{ROLLOUT}.name=vllm",
            f"{ROLLOUT}.dtype=float32",
            f"{ROLLOUT}.enforce_eager=True",
            f"{ROLLOUT}.free_cache_engine=False",
            f"+{ROLLOUT}.enable_sleep_mode=False",
            f"{ROLLOUT}.tensor_model_parallel_size=1",
            f"{ROLLOUT}.max_model_len={self.max_model_len}",
            f"{ROLLOUT}.max_num_seqs={self.batch}",
            f"{ROLLOUT}.response_length={self.max_model_len}",
            f"{ROLLOUT}.load_format=auto",
            f"{ROLLOUT}.nnodes=1",
            f"{ROLLOUT}.n_gpus_per_node={self.replicas}",
            f"+{ROLLOUT}.engine_kwargs.vllm.num_gpu_blocks_override={self._num_blocks}",
            "trainer.device=cpu",
            *self._speculation(method),
        ]
        with initialize_config_module("verl.trainer.config", version_base=None):
            return compose("ppo_trainer", overrides)

    @property
    def _num_blocks(self) -> int:
        return self.batch * -(-self.max_model_len // BLOCK_SIZE) + 1

    def _speculation(self, method: str) -> list[str]:
        options = speculative_config(method, self.num_speculative_tokens)
        key = f"+{ROLLOUT}.engine_kwargs.vllm.speculative_config"
        return [f"{key}.{name}={value}" for name, value in options.items()]


@dataclass(frozen=True)
class ServedRollout:
    """The tokens of every request, the wall time, and what each engine counted.

    Log-probabilities of the tokens are there for requests with ``logprobs``.

    Example: ``rollout.total("accepted_tokens")`` are the draft tokens that all engines accepted.
    """

    token_ids: list[list[int]]
    log_probs: list[list[float] | None]
    seconds: float
    counts: list[Counts]

    @property
    def tail_seconds(self) -> float:
        """Seconds from when no engine had more requests than speculate."""
        return max(counts["tail_s"] for counts in self.counts)

    def total(self, name: str) -> float:
        """Return a count of all engines together."""
        return sum(counts[name] for counts in self.counts)


class RolloutServers:
    """The servers of one method behind verl's client and load balancer.

    Example: ``RolloutServers(setting, "sam", 0).roll_out(requests).tail_seconds``, while Ray runs.
    """

    def __init__(self, setting: ServerSetting, method: str, start_rank: int) -> None:
        """Launch them; ``start_rank`` is the first of their names."""
        self._config = setting.config(method)
        self._tokenizer = AutoTokenizer.from_pretrained(setting.model)
        self._manager = LLMServerManager.create(config=self._config, start_rank=start_rank)

    def roll_out(self, requests: Sequence[Request]) -> ServedRollout:
        """Send all requests at once and wait for the last answer."""
        self._take_counts()
        prompts = [self._tokens(request.prompt) for request in requests]
        start = time.perf_counter()
        answers = asyncio.run(self._generate(prompts, requests))
        seconds = time.perf_counter() - start
        return ServedRollout(
            [list(answer.token_ids) for answer in answers],
            [answer.log_probs for answer in answers],
            seconds,
            self._take_counts(),
        )

    def placements(self, requests: Sequence[Request]) -> list[str]:
        """Return the server that verl's load balancer names for each, all being there at once."""
        balancer = self._manager.global_load_balancer
        ids = [uuid4().hex for _ in requests]
        acquired = ray.get(
            [
                balancer.acquire_server.remote(request_id=name, prompt_ids=request.prompt)
                for name, request in zip(ids, requests, strict=True)
            ]
        )
        placed = [server for server, _ in acquired]
        for server, name in zip(placed, ids, strict=True):
            ray.get(balancer.release_server.remote(server, name))
        return placed

    def _tokens(self, prompt: str | list[int]) -> list[int]:
        return self._tokenizer.encode(prompt) if isinstance(prompt, str) else prompt

    def _take_counts(self) -> list[Counts]:
        return take_counts_of_servers(self._manager.server_handles)

    async def _generate(
        self, prompts: Sequence[list[int]], requests: Sequence[Request]
    ) -> list[TokenOutput]:
        client = self._manager.get_client()
        answers = (
            client.generate(uuid4().hex, prompt_ids=prompt, sampling_params=dict(request.sampling))
            for prompt, request in zip(prompts, requests, strict=True)
        )
        return await asyncio.gather(*answers)


def rounds_in_turn(
    servers: Mapping[str, RolloutServers], repeats: int, requests: Sequence[Request]
) -> dict[str, list[ServedRollout]]:
    """Let the methods take turns for ``repeats`` rounds, after one that does not count.

    Each turn begins when the workers of the one before have gone to sleep.
    """
    rounds: dict[str, list[ServedRollout]] = {method: [] for method in servers}
    turns = [(turn, method) for turn in range(repeats + 1) for method in servers]
    for turn, method in progress(turns, "rollouts", "turn"):
        time.sleep(SECONDS_TO_IDLE)
        rollout = servers[method].roll_out(requests)
        if turn > 0:
            rounds[method].append(rollout)
    return rounds


@contextmanager
def running_servers(
    setting: ServerSetting, methods: Sequence[str]
) -> Iterator[Mapping[str, RolloutServers]]:
    """Start Ray and the servers of every method, and end them all on leaving."""
    os.environ.update(CPU_ENVIRONMENT | VERL_ENVIRONMENT)
    os.environ[THRESHOLD_VARIABLE] = str(setting.threshold)
    ranks = setting.replicas * len(methods)
    ray.init(num_cpus=32, num_gpus=ranks, include_dashboard=False, log_to_driver=False)
    try:
        yield {
            method: RolloutServers(setting, method, setting.replicas * number)
            for number, method in enumerate(progress(methods, "starting servers", "method"))
        }
    finally:
        ray.shutdown()
