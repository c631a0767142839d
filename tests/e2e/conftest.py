"""A tiny target model, and real engines on it.

The weights are random: what is tested here is exactness, and a random model is as exact as a
trained one. Its logits are scaled up: it settles into repetitions, and drafts are accepted.
"""

import gc
import os

import pytest

pytest.importorskip("vllm", reason="end-to-end tests run in the environment `cpu`")

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["VLLM_CPU_KVCACHE_SPACE"] = "1"
# One thread: OpenMP's workers spin while they wait, and two engines share the machine's cores.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
os.environ["TORCH_COMPILE_DISABLE"] = "1"

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM
from vllm import LLM

VOCABULARY = 64
MAX_MODEL_LEN = 512


@pytest.fixture(scope="session")
def target_model(tmp_path_factory):
    """Folder of a two-layer Qwen3 in float32."""
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
def prompts():
    """Twelve prompts of very different lengths."""
    generator = torch.Generator().manual_seed(1)
    lengths = [3, 5, 8, 13, 21, 34, 55, 89, 120, 144, 200, 233]
    return [
        torch.randint(VOCABULARY, (length,), generator=generator).tolist() for length in lengths
    ]


@pytest.fixture
def start_engine(target_model, monkeypatch):
    """Starts engines in this process, whose parts a test can reach, or in one of their own.

    They end with the test: what an engine of this process holds would stay else.
    """
    engines = []

    def start(speculation=None, *, in_process=True, threshold=None, **options):
        monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0" if in_process else "1")
        if threshold is not None:
            monkeypatch.setenv("VLLM_SPECULATIVE_BATCH_SIZE_THRE", str(threshold))
        arguments = {
            "max_model_len": MAX_MODEL_LEN,
            "max_num_seqs": 64,
            "dtype": "float32",
            "enforce_eager": True,
            "skip_tokenizer_init": True,
            "disable_log_stats": False,
            "seed": 0,
            # Far below the smallest cache, of 1 GiB, that can be asked for.
            "num_gpu_blocks_override": 128,
            "speculative_config": dict(speculation) if speculation else None,
            **options,
        }
        engines.append(LLM(model=str(target_model), **arguments))
        return engines[-1]

    yield start
    for engine in engines:
        engine.llm_engine.engine_core.shutdown()
    engines.clear()
    gc.collect()
