"""vLLM-Ascend's own worker and model runner, executed on an emulated device.

Nothing here was ever tested on Ascend hardware.
"""

import gc
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

if not find_spec("torch_npu"):
    pytest.skip("these tests run on the emulated NPU; see ci/test", allow_module_level=True)

from testing.cpu_environment import set_environment
from testing.npu_emulator.process_environment import NPU_ENVIRONMENT

set_environment(NPU_ENVIRONMENT)

# First: its modules import each other, and only from here on all of them can be imported.
import vllm_ascend.ops  # noqa: F401
from vllm import LLM
from vllm.model_executor.models.interfaces_base import supports_kw
from vllm_ascend.ops import rotary_embedding

from testing import tiny_model
from testing.tiny_model import random_prompts, save_tiny_model

ROOT = Path(__file__).parents[2]
MAX_MODEL_LEN = 512


@pytest.fixture(scope="session")
def target_model(tmp_path_factory):
    """Folder of the target model."""
    return save_tiny_model(tmp_path_factory.mktemp("model"), MAX_MODEL_LEN)


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
    """Starts engines on the emulated NPU, in this process, whose parts a test can reach.

    They end with the test: what an engine of this process holds would stay else.
    """
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    engines = []

    def start(speculative_config=None, *, threshold=None, **options):
        if threshold is not None:
            monkeypatch.setenv("VLLM_SPECULATIVE_BATCH_SIZE_THRE", str(threshold))
        method = dict(speculative_config) if speculative_config else None
        engines.append(LLM(**{**engine_arguments, "speculative_config": method, **options}))
        return engines[-1]

    yield start
    while engines:
        engines.pop().llm_engine.engine_core.shutdown()
    forget_the_engine()


def forget_the_engine():
    """Free what upstream keeps of the first engine as long as the process lives.

    On hardware an engine has a process of its own; here the next one would find the device's memory
    in use, where methods of models are cached, or positions of another length and type.
    """
    if hasattr(supports_kw, "cache_clear"):
        supports_kw.cache_clear()
    for name in vars(rotary_embedding):
        if name.startswith(("_cos", "_sin")):
            setattr(rotary_embedding, name, None)
    gc.collect()


@pytest.fixture(scope="session")
def cpu_tokens(engine_arguments, prompts, tmp_path_factory):
    """What vLLM writes on the CPU, greedily, after each prompt: 100 tokens of each.

    In a process of its own, where vLLM does not find the plugin that makes the NPU its platform.
    """
    output = tmp_path_factory.mktemp("cpu") / "tokens.json"
    task = {
        "arguments": engine_arguments,
        "prompts": prompts,
        "output": str(output),
    }
    script = Path(__file__).with_name("engine_on_the_cpu.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "VLLM_PLUGINS": ""}
    subprocess.run(
        [sys.executable, str(script), json.dumps(task)],
        env=environment,
        check=True,
        capture_output=True,
        timeout=1800,
    )
    return json.loads(output.read_text())
