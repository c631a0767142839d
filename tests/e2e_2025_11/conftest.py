"""vLLM 0.11 on a CPU: real parts of it, and a real engine that proposes but does not verify.

That release cannot verify drafts on a CPU: its rejection sampler needs Triton. What stands in for
it, or for anything else, is said where it is used.
"""

import os

import pytest

pytest.importorskip("vllm", reason="these tests run in the environment `cpu-2025.11`")

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["VLLM_CPU_KVCACHE_SPACE"] = "1"
os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
# One thread: OpenMP's workers spin while they wait.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["VLLM_CPU_OMP_THREADS_BIND"] = "all"
os.environ["TORCH_COMPILE_DISABLE"] = "1"

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM
from vllm import LLM
from vllm.v1.sample.logits_processor import LogitsProcessors
from vllm.v1.worker.gpu_input_batch import CachedRequestState, InputBatch

VOCABULARY = 64
MAX_MODEL_LEN = 256


@pytest.fixture(scope="session")
def target_model(tmp_path_factory):
    """Folder of a two-layer Qwen3 in float32, whose greedy text repeats itself."""
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=MAX_MODEL_LEN,
        tie_word_embeddings=False,
    )
    model = Qwen3ForCausalLM(config).float()
    model.lm_head.weight.data *= 12
    folder = tmp_path_factory.mktemp("model")
    model.save_pretrained(folder)
    return folder


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
