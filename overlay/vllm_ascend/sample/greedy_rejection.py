"""Those of vLLM-Ascend's functions for rejection sampling that are alike in all releases.

The names and arguments are those of vllm_ascend/sample/rejection_sampler.py, whose functions these
stand in for; shapes are as in `rejection_sampling`.
"""

from __future__ import annotations

import torch
from rejection_sampling import Drafts, expand, verify_greedily


def expand_pytorch(
    output_ptr: torch.Tensor,
    input_ptr: torch.Tensor,
    cu_num_tokens_ptr: torch.Tensor,
    replace_from: float,
    replace_to: float,
    MAX_NUM_TOKENS: int,  # noqa: ARG001, N803
) -> None:
    """Write the value of each request, [batch], to its tokens in `output_ptr`, [num_tokens]."""
    expand(output_ptr, input_ptr, cu_num_tokens_ptr, replace_from, replace_to)


def rejection_greedy_sample_spec_len_1_pytorch(
    output_token_ids: torch.Tensor,
    draft_token_ids: torch.Tensor,
    target_argmax: torch.Tensor,
    bonus_token_ids: torch.Tensor,
) -> None:
    """Verify greedily where each request has one draft."""
    ends = torch.arange(1, draft_token_ids.shape[0] + 1, device=draft_token_ids.device)
    drafts = Drafts(draft_token_ids, ends, longest=1)
    verify_greedily(output_token_ids, drafts, target_argmax, bonus_token_ids)


def rejection_greedy_sample_pytorch(
    output_token_ids: torch.Tensor,
    cu_num_draft_tokens: torch.Tensor,
    draft_token_ids: torch.Tensor,
    target_argmax: torch.Tensor,
    bonus_token_ids: torch.Tensor,
    draft_tokens_per_req: list[int],  # noqa: ARG001
    max_spec_len: int,
    is_greedy: torch.Tensor | None = None,
) -> None:
    """Verify the greedy requests of a batch, all where `is_greedy` is None."""
    drafts = Drafts(draft_token_ids, cu_num_draft_tokens, max_spec_len)
    verify_greedily(output_token_ids, drafts, target_argmax, bonus_token_ids, is_greedy)
