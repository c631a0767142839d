"""Fixtures of tests that start engines; a conftest imports those that it needs, by name.

Import it only once the environment of the process is set: it imports vLLM.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from vllm import LLM

from testing import tiny_model
from testing.tiny_model import random_prompts, save_lora_adapter, save_tiny_model, save_tokenizer

MAX_MODEL_LEN = 512
THRESHOLD = "VLLM_SPECULATIVE_BATCH_SIZE_THRE"


@pytest.fixture(scope="session")
def target_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the target model."""
    return save_tiny_model(tmp_path_factory.mktemp("model"), MAX_MODEL_LEN)


@pytest.fixture(scope="session")
def splittable_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a target model that two ranks can share."""
    folder = tmp_path_factory.mktemp("splittable_model")
    return save_tiny_model(folder, MAX_MODEL_LEN, num_key_value_heads=2)


@pytest.fixture(scope="session")
def model_with_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the target model and a tokenizer, which grammars need."""
    folder = save_tiny_model(tmp_path_factory.mktemp("model_with_tokenizer"), MAX_MODEL_LEN)
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def lora_adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an adapter for the target model."""
    return save_lora_adapter(tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="session")
def prompts() -> list[list[int]]:
    """Twelve prompts of very different lengths."""
    return random_prompts()


@pytest.fixture(scope="session")
def engine_arguments(target_model: Path) -> dict[str, Any]:
    """What all engines are started with, but for what a test says else."""
    return tiny_model.engine_arguments(target_model, MAX_MODEL_LEN)


@pytest.fixture
def start_engine(
    engine_arguments: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., LLM]]:
    """Starts engines in this process, whose parts a test can reach, or in one of their own.

    They end with the test: what an engine of this process holds would stay else.
    """
    # An engine that ends looks for garbage in all that is there, modules included, which takes
    # longer than most tests. What is there before a test is no garbage.
    gc.freeze()
    for name in ("freeze", "unfreeze"):
        monkeypatch.setattr(gc, name, lambda: None)
    engines: list[LLM] = []

    def start(
        speculation: Mapping[str, Any] | None = None,
        *,
        in_process: bool = True,
        threshold: int | None = None,
        **options: Any,
    ) -> LLM:
        monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0" if in_process else "1")
        if threshold is not None:
            monkeypatch.setenv(THRESHOLD, str(threshold))
        method = dict(speculation) if speculation else None
        engines.append(LLM(**{**engine_arguments, "speculative_config": method, **options}))
        return engines[-1]

    yield start
    while engines:
        engines.pop().llm_engine.engine_core.shutdown()
    gc.collect()
