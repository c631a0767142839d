"""Graphs of kernels, which the emulator does not capture."""

from __future__ import annotations

from typing import NoReturn


def _refuse(*arguments: object, **options: object) -> NoReturn:
    raise NotImplementedError("NPU emulator: graphs are not captured; use enforce_eager=True")


class NPUGraph:
    """A captured graph."""

    __init__ = _refuse


graph = graph_pool_handle = _refuse
graph_task_group_begin = graph_task_group_end = _refuse
graph_task_update_begin = graph_task_update_end = _refuse
