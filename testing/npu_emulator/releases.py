"""The releases of torch_npu whose operators the emulator has, by the vLLM-Ascend that asks for one.

Only the schemas are read from the wheels. Wheels for aarch64 are named, whatever this machine is:
in those for x86-64 the compiler has cut some schemas to pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version


@dataclass(frozen=True)
class Release:
    """A release of torch_npu: its version, and one of its wheels."""

    version: str
    sha256: str

    @property
    def wheel(self) -> str:
        """Name of the wheel."""
        return f"torch_npu-{self.version}-cp311-cp311-manylinux_2_28_aarch64.whl"


RELEASES = {
    "0.23.0": Release(
        version="2.10.0.post4",
        sha256="624ba08fb0259fcb8315a4b5bb5d7edd2d2ca927ba368c800b7f18771564e153",
    ),
    "0.11.0": Release(
        version="2.7.1",
        sha256="d21101daaeecced1664b26f8aae4975476f7faab39b2e62a4299fb0bdebc4817",
    ),
}


def installed_release() -> Release:
    """The release that the installed vLLM-Ascend asks for."""
    return RELEASES[version("vllm-ascend")]
