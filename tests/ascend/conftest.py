"""vLLM-Ascend's own worker and model runner, executed on an emulated device.

Nothing here was ever tested on Ascend hardware.
"""

import gc
from importlib.util import find_spec

import pytest

if not find_spec("torch_npu"):
    pytest.skip("these tests run on the emulated NPU; see ci/test", allow_module_level=True)

from testing.cpu_environment import set_environment
from testing.npu_emulator.process_environment import NPU_ENVIRONMENT

set_environment(NPU_ENVIRONMENT)

# First: its modules import each other, and only from here on all of them can be imported.
import vllm_ascend.ops
from vllm.model_executor.models.interfaces_base import supports_kw
from vllm_ascend.ops import rotary_embedding

from testing import tiny_model
from testing.engine_fixtures import MAX_MODEL_LEN, prompts, start_engine, target_model
from testing.engine_on_the_cpu import tokens_on_the_cpu


@pytest.fixture(autouse=True)
def forgotten_engines():
    """Let nothing of an engine stay once its test has ended."""
    yield
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
def engine_arguments(target_model):
    """What all engines are started with: no steps overlap, but where a test says so."""
    arguments = tiny_model.engine_arguments(target_model, MAX_MODEL_LEN)
    return {**arguments, "async_scheduling": False}


@pytest.fixture(scope="session")
def cpu_tokens(engine_arguments, prompts):
    """What vLLM writes on the CPU, greedily, after each prompt: 100 tokens of each."""
    return tokens_on_the_cpu(engine_arguments, prompts)
