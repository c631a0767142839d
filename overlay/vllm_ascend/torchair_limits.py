"""What `method="sam"` cannot do on Ascend where graphs can also be those of torchair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vllm_ascend.sam_limits import check_sam

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm_ascend.ascend_config import AscendConfig


def check_sam_and_graphs(vllm_config: VllmConfig, ascend_config: AscendConfig) -> None:
    """Check an engine's configuration as `check_sam` does, and refuse graphs of torchair.

    Raises:
        ValueError: as `check_sam`, or graphs of torchair are switched on.
    """
    check_sam(vllm_config)
    speculation = vllm_config.speculative_config
    if speculation is None or speculation.method != "sam":
        return
    if ascend_config.torchair_graph_config.enabled:
        raise ValueError(
            "torchair_graph_config has graphs for one number of drafts only, and method='sam' "
            "drafts as many tokens as are likely: remove it from additional_config."
        )
