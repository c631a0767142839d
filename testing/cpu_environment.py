"""The process environment of an engine on a CPU; set before vLLM is imported."""

import os
from collections.abc import Mapping

CPU_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    # One thread: OpenMP's workers spin while they wait, and engines share the machine's cores.
    "OMP_NUM_THREADS": "1",
    "TORCH_COMPILE_DISABLE": "1",
}
# What the variables of vLLM, verl and Ray begin with; a user's would make other tests of ours.
STEERING = ("VLLM_", "VERL_", "RAY_")


def set_environment(variables: Mapping[str, str]) -> None:
    """Give this process these variables, and take away all others that steer an engine or a job.

    For example, before anything imports vLLM:

        set_environment({**CPU_ENVIRONMENT, "VLLM_CPU_OMP_THREADS_BIND": "nobind"})
    """
    for name in [name for name in os.environ if name.startswith(STEERING)]:
        del os.environ[name]
    os.environ.update(variables)
