"""What verl's workers and servers of a test import beside their model (`model.external_lib`).

This vLLM cannot verify drafts on a CPU. It reads and checks `speculative_config` as anywhere; then
the engine starts without, and the counts of drafts are made up. All else is verl's and vLLM's own,
and noted. On request, a worker fails while it takes new weights.
"""

import json
import os
from pathlib import Path

from verl.workers.rollout.vllm_rollout import vllm_async_server
from verl.workers.rollout.vllm_rollout.vllm_rollout_spmd import vLLMAsyncRollout, vLLMRollout
from vllm.engine.arg_utils import EngineArgs
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.core import EngineCore
from vllm.v1.spec_decode.exclusion import excluding_options

create_speculative_config = EngineArgs.create_speculative_config
take_in_process = EngineCore.take_speculation_counts
take_from_server = vllm_async_server.take_counts
generate = AsyncLLM.generate
generate_sequences = vLLMRollout.generate_sequences


def note(event, **what):
    with (Path(os.environ["ROLLOUT_PROBE_FOLDER"]) / f"{os.getpid()}.jsonl").open("a") as notes:
        notes.write(json.dumps({"event": event, "process": os.getpid(), **what}) + "\n")


def checked_speculative_config(self, **target):
    given, kind = dict(self.speculative_config), type(self.speculative_config).__name__
    config = create_speculative_config(self, **target)
    note("speculation", given=given, kind=kind, config=repr(config))


def with_drafts(counts):
    """As if each token had come with one that was accepted, of a draft of three."""
    tokens = counts["sampled_tokens"]
    drafts = {"verified_drafts": tokens, "draft_tokens": 3 * tokens, "accepted_tokens": tokens}
    return counts | {"speculative": True} | drafts


def counts_in_process(self):
    return with_drafts(take_in_process(self))


async def counts_from_server(engine):
    return [with_drafts(counts) for counts in await take_from_server(engine)]


def noted_request(self, *, prompt, sampling_params, **options):
    greedy = sampling_params.temperature == 0
    note("request", prompt_ids=prompt["prompt_token_ids"], greedy=greedy)
    return generate(self, prompt=prompt, sampling_params=sampling_params, **options)


def noted_sampling(self, prompts, **options):
    params = self.sampling_params
    note("sampling", logprobs=params.logprobs, excluded_for=excluding_options(params))
    return generate_sequences(self, prompts, **options)


def failing(update_weights):
    updates = 0

    async def update(self, weights, **options):
        nonlocal updates
        updates += 1
        if os.environ["RANK"] == "1" and str(updates) == os.environ.get("ROLLOUT_PROBE_FAILS_AT"):
            raise ValueError("there is no module or parameter named 'told_to_fail'")
        await update_weights(self, weights, **options)

    return update


EngineArgs.create_speculative_config = checked_speculative_config
EngineCore.take_speculation_counts = counts_in_process
vllm_async_server.take_counts = counts_from_server
AsyncLLM.generate = noted_request
vLLMRollout.generate_sequences = noted_sampling
for rollout in (vLLMRollout, vLLMAsyncRollout):
    rollout.update_weights = failing(rollout.update_weights)
