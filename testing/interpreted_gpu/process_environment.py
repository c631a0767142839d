"""What the process environment of an engine on the interpreted GPU holds; set before imports."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from testing.cpu_environment import CPU_ENVIRONMENT, set_environment
from testing.interpreted_gpu.distributions import write_distributions
from testing.registry import ROOT

INTERPRETED_ENVIRONMENT = {
    **CPU_ENVIRONMENT,
    "TRITON_INTERPRET": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}


def enter(folder: Path) -> None:
    """Make this process, and those that it starts, run kernels for a GPU with the interpreter.

    Args:
        folder: An empty folder that stays as long as the processes do.

    Raises:
        RuntimeError: Triton or vLLM is imported already, and has looked for a device.
    """
    if loaded := {"triton", "vllm"} & sys.modules.keys():
        names = " and ".join(sorted(loaded))
        raise RuntimeError(
            f"{names} is imported already; run these tests in a process of their own"
        )
    set_environment(variables(folder))
    sys.path[:0] = [str(folder), str(ROOT)]


def variables(folder: Path) -> dict[str, str]:
    """Return the variables of processes that run kernels for a GPU with the interpreter.

    Args:
        folder: An empty folder that stays as long as the processes do.
    """
    write_distributions(folder)
    places = [str(folder), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**INTERPRETED_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(places)}
