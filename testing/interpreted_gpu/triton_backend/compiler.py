"""The half of the backend that would compile."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from triton.backends.compiler import BaseBackend, GPUTarget

REFUSAL = "kernels are interpreted here; set TRITON_INTERPRET=1 before Triton is imported"


class InterpretedBackend(BaseBackend):
    """Takes the target `cpu`, and refuses to compile for it."""

    @staticmethod
    def supports_target(target: GPUTarget) -> bool:
        """Say whether a target is that of this backend."""
        return bool(target.backend == "cpu")

    def hash(self) -> str:
        """Return what identifies it."""
        return "interpreted"

    def parse_options(self, _options: dict[str, Any]) -> object:
        """Refuse.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(REFUSAL)

    def add_stages(self, *_arguments: object) -> None:
        """Refuse.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(REFUSAL)

    def load_dialects(self, _context: object) -> None:
        """Nothing to load."""

    def get_module_map(self) -> dict[str, ModuleType]:
        """Return no modules: libraries of a device are not there."""
        return {}
