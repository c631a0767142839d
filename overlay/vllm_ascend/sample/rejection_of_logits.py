"""A rejection sampler without Triton for a vLLM-Ascend that gives it the target's logits.

The names and arguments are those of vllm_ascend/sample/rejection_sampler.py, whose functions these
stand in for; shapes are as in `specroll_rejection`. Upstream verifies in other ways too, where its
configuration says so: by blocks, by entropy, with the likeliest candidates of each rank. For these
its own `rejection_sample` goes on, and calls the functions here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from specroll_rejection import (
    Drafts,
    Output,
    Target,
    recover_all,
    scaled_by_entropy,
    verify_randomly,
)
from vllm_ascend.ascend_config import get_ascend_config
from vllm_ascend.sample.rejection_common import draw, verify
from vllm_ascend.utils import is_310p

if TYPE_CHECKING:
    from vllm.v1.sample.metadata import SamplingMetadata

# Upstream divides in float32, and compares the ratio with float64.
RATIO_DTYPE = torch.float32


def is_by_token(max_spec_len: int) -> bool:
    """Say whether drafts are verified token by token, with the device's own random numbers.

    The sampler of 310P draws on the host (vllm_ascend/_310p/sample/rejection_sampler.py).
    """
    if is_310p():
        return False
    config = get_ascend_config()
    verification = config.rejection_sampler_config
    by_block = verification.enable_block_verify and max_spec_len >= 3
    return not (by_block or verification.enable_entropy_verify or config.enable_reduce_sample)


def rejection_sample(
    draft_token_ids: torch.Tensor,
    num_draft_tokens: list[int],
    max_spec_len: int,
    cu_num_draft_tokens: torch.Tensor,
    draft_probs: torch.Tensor | None,
    target_logits: torch.Tensor,
    bonus_token_ids: torch.Tensor,
    sampling_metadata: SamplingMetadata,
) -> torch.Tensor:
    """Verify the drafts of a batch.

    Returns:
        [batch, max_spec_len + 1] int32, filled up with -1.
    """
    drafts = Drafts(draft_token_ids, cu_num_draft_tokens, max_spec_len, draft_probs)

    def chance() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        target_probs = target_logits.softmax(dim=-1, dtype=torch.float32)
        generators = sampling_metadata.generators
        numbers = draw(num_draft_tokens, target_probs, generators)
        # Upstream draws for requests without drafts too, and throws away what it drew.
        for request, generator in generators.items():
            if num_draft_tokens[request] == 0:
                torch.empty_like(target_probs[0]).exponential_(generator=generator)
        return target_probs, *numbers

    return verify(drafts, target_logits, bonus_token_ids, sampling_metadata, chance, RATIO_DTYPE)


def rejection_random_sample_pytorch(
    output_token_ids: torch.Tensor,
    cu_num_draft_tokens: torch.Tensor,
    draft_token_ids: torch.Tensor,
    draft_probs: torch.Tensor | None,
    target_probs: torch.Tensor,
    bonus_token_ids: torch.Tensor,
    recovered_token_ids: torch.Tensor,
    uniform_probs: torch.Tensor,
    is_greedy: torch.Tensor,
    max_spec_len: int,
    vocab_size: int,  # noqa: ARG001
    IS_NGRAM: bool = False,  # noqa: N803
    target_indices: torch.Tensor | None = None,
    enable_reduce_sampling: bool = False,
    ENTROPY_VERIFY: bool = False,  # noqa: N803
    POSTERIOR_THRESHOLD: float = 0.95,  # noqa: N803
    POSTERIOR_ALPHA: float = 0.4,  # noqa: N803
    EPSILON: float = 1e-10,  # noqa: N803
    ori_target_probs: torch.Tensor | None = None,
) -> None:
    """Verify the random requests of a batch, with a token recovered for each draft beforehand."""
    if ENTROPY_VERIFY:
        probs = target_probs if ori_target_probs is None else ori_target_probs
        uniform_probs = scaled_by_entropy(
            uniform_probs,
            probs,
            most=POSTERIOR_THRESHOLD,
            alpha=POSTERIOR_ALPHA,
            epsilon=EPSILON,
        )
    draft_probs = None if IS_NGRAM else draft_probs
    verify_randomly(
        Output(output_token_ids, bonus_token_ids, rows=~is_greedy),
        Drafts(draft_token_ids, cu_num_draft_tokens, max_spec_len, draft_probs),
        Target(target_probs, target_indices if enable_reduce_sampling else None),
        uniform_probs,
        lambda tokens: recovered_token_ids[tokens],
        ratio_dtype=RATIO_DTYPE,
    )


def sample_recovered_tokens_pytorch(
    output_token_ids: torch.Tensor,
    cu_num_draft_tokens: torch.Tensor,
    draft_token_ids: torch.Tensor,
    draft_probs: torch.Tensor | None,
    target_probs: torch.Tensor,
    q: torch.Tensor,
    vocab_size: int,
    IS_NGRAM: bool = False,  # noqa: N803
    target_indices: torch.Tensor | None = None,
    enable_reduce_sampling: bool = False,
) -> None:
    """Recover a token for each draft, with exponential numbers `q`, [batch, vocabulary]."""
    recovered = recover_all(
        cu_num_draft_tokens,
        draft_token_ids,
        None if IS_NGRAM else draft_probs,
        Target(target_probs, target_indices if enable_reduce_sampling else None),
        q[:, :vocab_size],
    )
    output_token_ids.copy_(recovered)
