"""Real engines, and parts of them, on a tiny target model on a CPU."""

import gc
from contextlib import suppress

import pytest

pytest.importorskip("vllm", reason="these tests run where vLLM for CPUs is installed")

from testing.cpu_environment import CPU_ENVIRONMENT, set_environment

set_environment({**CPU_ENVIRONMENT, "VLLM_CPU_OMP_THREADS_BIND": "nobind"})

# First, as in vLLM's CPU worker (v1/worker/cpu_worker.py): it swaps a function that would pin host
# memory, and LoRA's modules keep the one they find (lora/punica_wrapper/utils.py). Where vLLM does
# not have the module, nothing is swapped.
with suppress(ModuleNotFoundError):
    import vllm.v1.worker.cpu.shm  # noqa: F401
import torch
from vllm import LLM
from vllm.v1.sample.logits_processor import LogitsProcessors
from vllm.v1.worker.gpu_input_batch import CachedRequestState, InputBatch

from testing import tiny_model
from testing.registry import provides
from testing.tiny_model import (
    VOCABULARY,
    random_prompts,
    save_lora_adapter,
    save_tiny_model,
    save_tokenizer,
)

MAX_MODEL_LEN = 512
BLOCK_SIZE = 16


@pytest.fixture(scope="session")
def target_model(tmp_path_factory):
    """Folder of the target model."""
    return save_tiny_model(tmp_path_factory.mktemp("model"), MAX_MODEL_LEN)


@pytest.fixture(scope="session")
def splittable_model(tmp_path_factory):
    """Folder of a target model that two ranks can share."""
    folder = tmp_path_factory.mktemp("splittable_model")
    return save_tiny_model(folder, MAX_MODEL_LEN, num_key_value_heads=2)


@pytest.fixture(scope="session")
def model_with_tokenizer(tmp_path_factory):
    """Folder of the target model and a tokenizer, which grammars need."""
    folder = save_tiny_model(tmp_path_factory.mktemp("model_with_tokenizer"), MAX_MODEL_LEN)
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def lora_adapter(tmp_path_factory):
    """Folder of an adapter for the target model."""
    return save_lora_adapter(tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="session")
def prompts():
    """Twelve prompts of very different lengths."""
    return random_prompts()


@pytest.fixture(scope="session")
def engine_arguments(target_model):
    """What all engines are started with, but for what a test says else."""
    return tiny_model.engine_arguments(target_model, MAX_MODEL_LEN)


@pytest.fixture
def start_engine(engine_arguments, monkeypatch):
    """Starts engines in this process, whose parts a test can reach, or in one of their own.

    They end with the test: what an engine of this process holds would stay else.
    """
    engines = []

    def start(speculation=None, *, in_process=True, threshold=None, **options):
        monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0" if in_process else "1")
        if threshold is not None:
            monkeypatch.setenv("VLLM_SPECULATIVE_BATCH_SIZE_THRE", str(threshold))
        method = dict(speculation) if speculation else None
        engines.append(LLM(**{**engine_arguments, "speculative_config": method, **options}))
        return engines[-1]

    yield start
    for engine in engines:
        engine.llm_engine.engine_core.shutdown()
    engines.clear()
    gc.collect()
    # Each engine that ends collects several times, and would walk all imported modules each time.
    gc.freeze()


@pytest.fixture
def make_batch():
    """Makes real input batches of requests given as (prompt, sampling parameters)."""
    options = (
        {"is_spec_decode": True}
        if provides("our own draft exclusions")
        else {"kernel_block_sizes": [BLOCK_SIZE], "num_spec_tokens": 3}
    )
    if provides("input batches that are told whether to pin memory"):
        options["pin_memory"] = False

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
