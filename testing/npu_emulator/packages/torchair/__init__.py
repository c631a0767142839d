"""Stands in for torchair, which compiles graphs for an NPU: the emulator captures none."""

from typing import NoReturn


def _refuse(*arguments: object, **options: object) -> NoReturn:
    raise NotImplementedError("NPU emulator: torchair compiles no graphs; use enforce_eager=True")


class CompilerConfig:
    """How a graph is compiled."""

    __init__ = _refuse


patch_for_hcom = get_npu_backend = _refuse
