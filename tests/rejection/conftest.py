"""The rejection sampler as vLLM-Ascend calls it, on an emulated device.

Nothing here was ever tested on Ascend hardware.
"""

from importlib.util import find_spec

import pytest

if not find_spec("torch_npu"):
    pytest.skip("these tests run on the emulated NPU; see ci/test", allow_module_level=True)

from testing.cpu_environment import set_environment
from testing.npu_emulator.process_environment import NPU_ENVIRONMENT

set_environment(NPU_ENVIRONMENT)

# First: its modules import each other, and only from here on all of them can be imported.
import vllm_ascend.ops
from vllm.config import VllmConfig
from vllm_ascend.ascend_config import clear_ascend_config, init_ascend_config


@pytest.fixture(scope="module")
def ascend_config():
    """The default configuration of vLLM-Ascend, for its functions outside of an engine."""
    yield init_ascend_config(VllmConfig())
    clear_ascend_config()
