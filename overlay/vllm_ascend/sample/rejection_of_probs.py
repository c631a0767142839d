"""A rejection sampler for a vLLM-Ascend that gives it the target's probabilities.

The names and arguments are those of vllm_ascend/sample/rejection_sampler.py, whose functions these
stand in for; shapes are as in `specroll_rejection`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from specroll_rejection import Drafts, Output, Target, recover_all, verify_randomly
from vllm_ascend.sample.rejection_common import draw, verify

if TYPE_CHECKING:
    from vllm.v1.sample.metadata import SamplingMetadata

# Upstream divides and compares Python's floats.
RATIO_DTYPE = torch.float64


def rejection_sample(
    draft_token_ids: torch.Tensor,
    num_draft_tokens: list[int],
    max_spec_len: int,
    cu_num_draft_tokens: torch.Tensor,
    draft_probs: torch.Tensor | None,
    target_probs: torch.Tensor,
    bonus_token_ids: torch.Tensor,
    sampling_metadata: SamplingMetadata,
) -> torch.Tensor:
    """Verify the drafts of a batch.

    `target_probs` may be logits where all requests are greedy.

    Returns:
        [batch, max_spec_len + 1] int32, filled up with -1.
    """
    drafts = Drafts(draft_token_ids, cu_num_draft_tokens, max_spec_len, draft_probs)

    def chance() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        numbers = draw(num_draft_tokens, target_probs, sampling_metadata.generators)
        return target_probs, *numbers

    return verify(drafts, target_probs, bonus_token_ids, sampling_metadata, chance, RATIO_DTYPE)


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
) -> None:
    """Verify the random requests of a batch, with a token recovered for each draft beforehand."""
    draft_probs = None if IS_NGRAM else draft_probs
    verify_randomly(
        Output(output_token_ids, bonus_token_ids, rows=~is_greedy),
        Drafts(draft_token_ids, cu_num_draft_tokens, max_spec_len, draft_probs),
        Target(target_probs),
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
) -> None:
    """Recover a token for each draft, with exponential numbers `q`, [batch, vocabulary]."""
    recovered = recover_all(
        cu_num_draft_tokens,
        draft_token_ids,
        None if IS_NGRAM else draft_probs,
        Target(target_probs),
        q[:, :vocab_size],
    )
    output_token_ids.copy_(recovered)
