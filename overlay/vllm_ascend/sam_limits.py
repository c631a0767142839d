"""What `method="sam"` cannot do on Ascend, refused while an engine is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vllm_ascend.utils import is_310p

if TYPE_CHECKING:
    from vllm.config import VllmConfig

# Query tokens a request in a decode step, limited by npu_fused_infer_attention_score
# (vllm_ascend/attention/mla_v1.py).
MAX_QUERY_TOKENS = 16


def check_sam(vllm_config: VllmConfig) -> None:
    """Check an engine's configuration; others pass.

    Raises:
        ValueError: the device is a 310P, or the longest draft is beyond what attention takes.
    """
    speculation = vllm_config.speculative_config
    if speculation is None or speculation.method != "sam":
        return
    refuse_310p()
    check_query_length(speculation.num_speculative_tokens)


def refuse_310p() -> None:
    """Refuse a device whose model runner is another, to which nothing here was fitted.

    It prepares its inputs by itself (vllm_ascend/_310p/model_runner_310p.py) and would not ask the
    batch-size switch.

    Raises:
        ValueError: the device is a 310P.
    """
    if is_310p():
        raise ValueError(
            "method='sam' does not run on 310P, whose model runner is another: use ngram there."
        )


def check_query_length(num_speculative_tokens: int) -> None:
    """Check the longest draft against what attention takes.

    Raises:
        ValueError: it is too long.
    """
    if num_speculative_tokens >= MAX_QUERY_TOKENS:
        raise ValueError(
            f"num_speculative_tokens={num_speculative_tokens} is more than attention on Ascend "
            f"takes in one step: use at most {MAX_QUERY_TOKENS - 1}."
        )
