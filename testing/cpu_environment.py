"""The process environment of an engine on a CPU; set before vLLM is imported."""

import os
from collections.abc import Mapping

CPU_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    # One thread: OpenMP's workers spin while they wait, and engines share the machine's cores.
    "OMP_NUM_THREADS": "1",
    "TORCH_COMPILE_DISABLE": "1",
    # The kernel for beams of intel_extension_for_pytorch 2.8.0 stops with "Sliding window
    # unsupported", and a group that shares a prompt's cached blocks is taken for beams. Any value
    # but 7, which names that kernel, keeps it from being chosen.
    "PAGED_ATTENTION_SINGLE_QUERY_KERNEL": "0",
}
CLUSTER_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray's own is 15: beside other steps its workers would hardly run.
    "RAY_worker_niceness": "0",
}
# How the variables begin that steer vLLM, verl and Ray; a user's would make other tests of ours.
STEERING = ("VLLM_", "VERL_", "RAY_", "CUDA_VISIBLE_DEVICES")


def set_environment(variables: Mapping[str, str]) -> None:
    """Give this process these variables, and take away all others that steer an engine or a job.

    For example, before anything imports vLLM:

        set_environment({**CPU_ENVIRONMENT, "VLLM_CPU_OMP_THREADS_BIND": "nobind"})
    """
    for name in [name for name in os.environ if name.startswith(STEERING)]:
        del os.environ[name]
    os.environ.update(variables)
