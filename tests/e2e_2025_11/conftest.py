"""vLLM 0.11 on a CPU: real parts of it, and a real engine that proposes but does not verify.

That release cannot verify drafts on a CPU: its rejection sampler needs Triton. What stands in for
it, or for anything else, is said where it is used.
"""

import os

import pytest

pytest.importorskip("vllm", reason="these tests run in the environment `cpu-2025.11`")

from testing.cpu_environment import CPU_ENVIRONMENT

os.environ.update(
    CPU_ENVIRONMENT, VLLM_CPU_OMP_THREADS_BIND="all", VLLM_ENABLE_V1_MULTIPROCESSING="0"
)

import torch
from vllm import LLM
from vllm.v1.sample.logits_processor import LogitsProcessors
from vllm.v1.worker.gpu_input_batch import CachedRequestState, InputBatch

from testing.tiny_model import VOCABULARY, save_tiny_model

MAX_MODEL_LEN = 256


@pytest.fixture(scope="session")
def target_model(tmp_path_factory):
    """Folder of the target model."""
    return save_tiny_model(tmp_path_factory.mktemp("model"), MAX_MODEL_LEN)


@pytest.fixture(scope="session")
def engine(target_model):
    """An engine in this process, without speculation: with it, it would refuse to start."""
    return LLM(
        model=str(target_model),
        max_model_len=MAX_MODEL_LEN,
        max_num_seqs=16,
        dtype="float32",
        enforce_eager=True,
        skip_tokenizer_init=True,
        seed=0,
    )


@pytest.fixture
def make_batch():
    """Makes real input batches of requests given as (prompt, sampling parameters)."""

    def make(requests):
        batch = InputBatch(
            max_num_reqs=8,
            max_model_len=MAX_MODEL_LEN,
            max_num_batched_tokens=MAX_MODEL_LEN,
            device=torch.device("cpu"),
            pin_memory=False,
            vocab_size=VOCABULARY,
            block_sizes=[16],
            logitsprocs=LogitsProcessors(),
            is_spec_decode=True,
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
