"""What `method="sam"` cannot do on Ascend where graphs are for one number of drafts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vllm_ascend.sam_limits import check_sam

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm_ascend.ascend_config import AscendConfig


# Modes of vllm/config/compilation.py that have no graph for a step of other query lengths than
# num_speculative_tokens + 1.
UNIFORM_GRAPH_MODES = frozenset({"FULL", "FULL_DECODE_ONLY"})


def check_sam_and_graphs(vllm_config: VllmConfig, ascend_config: AscendConfig) -> None:
    """Check an engine's configuration, in which the graph mode is settled, as `check_sam` does.

    Raises:
        ValueError: as `check_sam`, or graphs are made for steps in which every request has equally
            many drafts: those of torchair, or full ones.
    """
    check_sam(vllm_config)
    speculation = vllm_config.speculative_config
    if speculation is None or speculation.method != "sam":
        return
    check_graph_mode(vllm_config.compilation_config.cudagraph_mode.name)
    if ascend_config.torchair_graph_config.enabled:
        raise ValueError(
            "torchair_graph_config has graphs for one number of drafts only, and method='sam' "
            "drafts as many tokens as are likely: remove it from additional_config."
        )


def check_graph_mode(name: str) -> None:
    """Check that graphs serve steps whose requests have different numbers of drafts, or none.

    Raises:
        ValueError: the mode has graphs for one query length only.
    """
    if name in UNIFORM_GRAPH_MODES:
        raise ValueError(
            f"cudagraph_mode={name} has graphs for one number of drafts only, and method='sam' "
            "drafts as many tokens as are likely: use cudagraph_mode=PIECEWISE."
        )
