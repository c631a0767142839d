"""vLLM's model runners on a CPU as they are on a GPU, the kernels of V2 interpreted.

Nothing here was ever tested on a GPU.
"""

import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

if not (find_spec("vllm") and find_spec("triton")):
    pytest.skip("these tests run where vLLM and Triton are installed", allow_module_level=True)

from testing.interpreted_gpu.process_environment import enter
from testing.registry import require

require("drafts in the second model runner")

DISTRIBUTIONS = tempfile.TemporaryDirectory()
enter(Path(DISTRIBUTIONS.name))

# First, as in vLLM's CPU worker (v1/worker/cpu_worker.py): it puts stand-ins for streams and pinned
# memory where the runner's modules would keep PyTorch's own.
import vllm.v1.worker.cpu.shm

from testing.engine_fixtures import (
    engine_arguments,
    lora_adapter,
    model_with_tokenizer,
    splittable_model,
    start_engine,
    target_model,
)
from testing.engine_on_the_cpu import tokens_on_the_cpu
from testing.interpreted_gpu.first_runner import use_first_runner
from testing.registry import provides
from testing.tiny_model import random_prompts


@pytest.fixture
def first_runner(monkeypatch):
    """Engines take the first runner, whose steps overlap."""
    if not provides("overlapping drafts in the first model runner"):
        pytest.skip("the first model runner of this release overlaps no steps with drafts")
    use_first_runner(monkeypatch)


@pytest.fixture(params=["async", "sync", "first_runner"])
def mode(request):
    """Options of an engine: of the second runner, overlapping or not, or of the first one."""
    if request.param == "first_runner":
        request.getfixturevalue("first_runner")
    return {"async_scheduling": request.param != "sync"}


@pytest.fixture(scope="session")
def prompts():
    """Six prompts of very different lengths: interpreted kernels take their time."""
    return random_prompts()[::2]


@pytest.fixture(scope="session")
def cpu_tokens(engine_arguments, prompts):
    """What vLLM's first runner writes on the CPU, greedily, after each prompt: 100 tokens."""
    return tokens_on_the_cpu(engine_arguments, prompts)
