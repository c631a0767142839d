"""The release of torch_npu whose operators the emulator has: the one that vLLM-Ascend asks for.

A stack names it in the table `[ci.emulator]` of its registry. Only the schemas of operators are
read from the wheel.
"""

from __future__ import annotations

from dataclasses import dataclass

from testing.registry import Stack, installed_stack


@dataclass(frozen=True)
class Release:
    """A release of torch_npu: its version, and one of its wheels.

    For example `Release("1.0", "torch_npu-1.0-py3-none-any.whl", "0" * 64)`.
    """

    version: str
    artefact: str
    sha256: str

    @classmethod
    def of(cls, stack: Stack) -> Release:
        """Read the release that a stack names."""
        table = stack.ci["emulator"]
        return cls(table["version"], table["artefact"], table["sha256"])


def installed_release() -> Release:
    """Return the release that the installed vLLM-Ascend asks for.

    Raises:
        LookupError: no stack is installed.
    """
    stack = installed_stack()
    if stack is None:
        raise LookupError("the releases that are installed are those of no stack")
    return Release.of(stack)
