"""The methods that are compared, and how vLLM is told of them."""

from typing import Any

# The method without speculation, with which the others are compared.
REFERENCE = "none"
SAM = {"method": "sam"}
# The window is vLLM's ngram at its best on reasoning; its own default, 5 to 5, seldom matches.
SPECULATION: dict[str, dict[str, Any]] = {
    REFERENCE: {},
    "ngram": {"method": "ngram", "prompt_lookup_min": 2, "prompt_lookup_max": 5},
    "sam": SAM,
    "sam_own": {**SAM, "sam_share_prompts": False},
    # What is shared by default has a name where other methods share less or more.
    "sam_group": SAM,
    "sam_history": {**SAM, "sam_history_tokens": 1_000_000},
}
THRESHOLD_VARIABLE = "VLLM_SPECULATIVE_BATCH_SIZE_THRE"


def speculative_config(method: str, num_speculative_tokens: int) -> dict[str, Any]:
    """Return vLLM's ``speculative_config`` for drafts of so many tokens; empty for `REFERENCE`."""
    options = SPECULATION[method]
    return {**options, "num_speculative_tokens": num_speculative_tokens} if options else {}
