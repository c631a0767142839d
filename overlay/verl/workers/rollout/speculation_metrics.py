"""What speculation did in a training step, as verl's loggers show it.

The counts are those of vllm/v1/metrics/speculation_counts.py, one set an engine. Accept length and
rate are named and defined as verl does for multi-token prediction (`compute_spec_decode_metrics` in
verl/trainer/ppo/ray_trainer.py), but as ratios of sums, so that long responses weigh more.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ray

if TYPE_CHECKING:
    from vllm.entrypoints.llm import LLM
    from vllm.v1.engine.async_llm import AsyncLLM

Counts = Mapping[str, float]


def take_counts_of_servers(servers: Sequence[Any]) -> list[Counts]:
    """Take the counts of verl's vLLM servers, Ray actors with `take_speculation_counts`."""
    taken = ray.get([server.take_speculation_counts.remote() for server in servers])
    return [counts for of_server in taken for counts in of_server]


async def take_counts(engine: AsyncLLM) -> list[Counts]:
    """Take the counts of an engine since the last call: one mapping a data-parallel replica.

    A vLLM that is not patched counts nothing, and there are none.
    """
    if not _vllm_counts():
        return []
    client = engine.engine_core
    # `call_utility_async` returns what the first replica says (vllm/v1/engine/core_client.py).
    calls = (
        client._call_utility_async("take_speculation_counts", engine=core)
        for core in client.core_engines
    )
    return list(await asyncio.gather(*calls))


def take_counts_in_process(llm: LLM) -> Counts:
    """Take the counts of an engine of this process; they are empty where vLLM is not patched."""
    if not _vllm_counts():
        return {}
    return llm.llm_engine.engine_core.engine_core.take_speculation_counts()


def _vllm_counts() -> bool:
    return importlib.util.find_spec("vllm.v1.metrics.speculation_counts") is not None


def speculation_metrics(engines: Sequence[Counts]) -> dict[str, float]:
    """Return the metrics of a step from the counts of all engines.

    Tokens and steps are summed over engines; times are those of the engine with the longest.
    Ratios whose denominator is zero are left out.
    """
    engines = [counts for counts in engines if counts]
    if not engines:
        return {}
    metrics = {
        "rollout/generation_s": max(counts["generation_s"] for counts in engines),
        "rollout/tail_s": max(counts["tail_s"] for counts in engines),
    }
    if not any(counts["speculative"] for counts in engines):
        return metrics
    total = {name: sum(counts[name] for counts in engines) for name in engines[0]}
    metrics["rollout/spec_draft_tokens"] = total["draft_tokens"]
    metrics["rollout/spec_accepted_tokens"] = total["accepted_tokens"]
    if total["verified_drafts"]:
        metrics["rollout/spec_accept_length"] = (
            1 + total["accepted_tokens"] / total["verified_drafts"]
        )
        metrics["rollout/spec_accept_rate"] = total["accepted_tokens"] / total["draft_tokens"]
    if total["steps"]:
        metrics["rollout/spec_switched_off_share"] = total["switched_off_steps"] / total["steps"]
    if total["sampling_steps"]:
        metrics["rollout/spec_tokens_per_step"] = total["sampled_tokens"] / total["sampling_steps"]
    return metrics
