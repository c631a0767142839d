"""What the rejection samplers of vLLM-Ascend have in common, given logits or probabilities.

The names and arguments are those of vllm_ascend/sample/rejection_sampler.py, whose functions these
stand in for; shapes are as in `specroll_rejection`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from specroll_rejection import (
    Drafts,
    Output,
    Target,
    expand,
    recovered_from,
    verify_greedily,
    verify_randomly,
)
from vllm.v1.sample.rejection_sampler import (
    GREEDY_TEMPERATURE,
    PLACEHOLDER_TOKEN_ID,
    generate_uniform_probs,
)

if TYPE_CHECKING:
    from vllm.v1.sample.metadata import SamplingMetadata


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
    verify_greedily(Output(output_token_ids, bonus_token_ids), drafts, target_argmax)


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
    output = Output(output_token_ids, bonus_token_ids, rows=is_greedy)
    verify_greedily(output, drafts, target_argmax)


def verify(
    drafts: Drafts,
    target: torch.Tensor,
    bonus_token_ids: torch.Tensor,
    sampling_metadata: SamplingMetadata,
    chance: Callable[[], tuple[torch.Tensor, torch.Tensor, torch.Tensor]],
    ratio_dtype: torch.dtype,
) -> torch.Tensor:
    """Verify the drafts of a batch of greedy and random requests.

    Args:
        drafts: of the batch.
        target: [num_tokens, vocabulary], the target's logits or probabilities.
        bonus_token_ids: [batch, 1].
        sampling_metadata: of the batch.
        chance: called where a request is random, for the target's probabilities and for what
            `draw` returns.
        ratio_dtype: as in `accepts` of specroll_rejection/acceptance.py.

    Returns:
        [batch, longest + 1] int32, filled up with `PLACEHOLDER_TOKEN_ID`.
    """
    size = (drafts.cu_num.shape[0], drafts.longest + 1)
    token_ids = target.new_full(size, PLACEHOLDER_TOKEN_ID, dtype=torch.int32)
    if sampling_metadata.all_greedy:
        verify_greedily(Output(token_ids, bonus_token_ids), drafts, target.argmax(dim=-1))
        return token_ids
    is_greedy = sampling_metadata.temperature == GREEDY_TEMPERATURE
    if not sampling_metadata.all_random:
        greedy = Output(token_ids, bonus_token_ids, rows=is_greedy)
        verify_greedily(greedy, drafts, target.argmax(dim=-1))
    target_probs, uniform_probs, exponentials = chance()
    verify_randomly(
        Output(token_ids, bonus_token_ids, rows=~is_greedy),
        drafts,
        Target(target_probs),
        uniform_probs,
        recovered_from(drafts, Target(target_probs), exponentials),
        ratio_dtype=ratio_dtype,
    )
    return token_ids


def draw(
    num_draft_tokens: list[int], target_probs: torch.Tensor, generators: dict[int, torch.Generator]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw as upstream does: uniform numbers first; nothing from generators without drafts.

    Args:
        num_draft_tokens: of each request.
        target_probs: [num_tokens, vocabulary] float32.
        generators: of the requests that have a seed, by their number in the batch.

    Returns:
        [num_tokens] float64, uniform, and [batch, vocabulary] float32, exponential.
    """
    num_tokens, vocab_size = target_probs.shape
    device = target_probs.device
    uniform = generate_uniform_probs(num_tokens, num_draft_tokens, generators, device)
    size = (len(num_draft_tokens), vocab_size)
    exponential = torch.empty(size, dtype=torch.float32, device=device).exponential_()
    for request, generator in generators.items():
        if num_draft_tokens[request] > 0:
            exponential[request].exponential_(generator=generator)
    return uniform, exponential
