"""Real engines, and parts of them, on a tiny target model on a CPU."""

from contextlib import suppress

import pytest

pytest.importorskip("vllm", reason="these tests run where vLLM for CPUs is installed")

from testing.cpu_environment import CPU_ENVIRONMENT, set_environment

set_environment({**CPU_ENVIRONMENT, "VLLM_CPU_OMP_THREADS_BIND": "nobind"})

# First, as in vLLM's CPU worker (v1/worker/cpu_worker.py): it swaps a function that would pin host
# memory, and LoRA's modules keep the one they find (lora/punica_wrapper/utils.py). Where vLLM does
# not have the module, nothing is swapped.
with suppress(ModuleNotFoundError):
    import vllm.v1.worker.cpu.shm
import torch
from vllm.v1.sample.logits_processor import LogitsProcessors
from vllm.v1.worker.gpu_input_batch import CachedRequestState, InputBatch

from testing.engine_fixtures import (
    MAX_MODEL_LEN,
    engine_arguments,
    lora_adapter,
    model_with_tokenizer,
    prompts,
    splittable_model,
    start_engine,
    target_model,
)
from testing.registry import provides
from testing.tiny_model import VOCABULARY

BLOCK_SIZE = 16


def options_of_a_batch():
    """Return what an input batch is told in some releases and not in others."""
    if provides("our own draft exclusions"):
        options = {"is_spec_decode": True}
    elif provides("input batches that are told how many blocks a request has"):
        options = {"max_num_blocks_per_req": [MAX_MODEL_LEN // BLOCK_SIZE], "num_spec_tokens": 3}
    else:
        options = {"kernel_block_sizes": [BLOCK_SIZE], "num_spec_tokens": 3}
    if provides("input batches that are told whether to pin memory"):
        options["pin_memory"] = False
    return options


@pytest.fixture
def make_batch():
    """Makes real input batches of requests given as (prompt, sampling parameters)."""
    options = options_of_a_batch()

    def make(requests):
        batch = InputBatch(
            max_num_reqs=8,
            max_model_len=MAX_MODEL_LEN,
            max_num_batched_tokens=MAX_MODEL_LEN,
            device=torch.device("cpu"),
            vocab_size=VOCABULARY,
            block_sizes=[BLOCK_SIZE],
            logitsprocs=LogitsProcessors(),
            **options,
        )
        for row, (prompt, sampling) in enumerate(requests):
            batch.add_request(
                CachedRequestState(
                    req_id=f"request-{row}",
                    prompt_token_ids=prompt,
                    mm_features=[],
                    sampling_params=sampling,
                    pooling_params=None,
                    generator=None,
                    block_ids=([row],),
                    num_computed_tokens=len(prompt),
                    output_token_ids=[],
                )
            )
        batch.refresh_metadata()
        return batch

    return make
