"""The rejection sampler of vLLM-Ascend 0.23 without Triton, which is given the target's logits.

The names and arguments are those of vllm_ascend/sample/rejection_sampler.py, whose functions these
stand in for; shapes are as in `rejection_sampling`. Upstream verifies in other ways too, where its
configuration says so: by blocks, by entropy, with the likeliest candidates of each rank. For these
its own `rejection_sample` goes on, and calls the functions here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from rejection_sampling import (
    DraftGrid,
    Drafts,
    RandomNumbers,
    accepts,
    recover_all,
    sample,
    scaled_by_entropy,
    verify_greedily,
    verify_randomly,
)
from vllm.v1.sample.rejection_sampler import (
    GREEDY_TEMPERATURE,
    PLACEHOLDER_TOKEN_ID,
    generate_uniform_probs,
)
from vllm_ascend.ascend_config import get_ascend_config

if TYPE_CHECKING:
    from vllm.v1.sample.metadata import SamplingMetadata

# Upstream divides before it compares in the precision of the uniform numbers.
RATIO_DTYPE = torch.float32


def is_by_token(max_spec_len: int) -> bool:
    """Say whether the configuration leaves verification as it is by default."""
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
        [batch, max_spec_len + 1] int32, filled up with `PLACEHOLDER_TOKEN_ID`.
    """
    size = (len(num_draft_tokens), max_spec_len + 1)
    output = draft_token_ids.new_full(size, PLACEHOLDER_TOKEN_ID, dtype=torch.int32)
    drafts = Drafts(draft_token_ids, cu_num_draft_tokens, max_spec_len, draft_probs)
    if sampling_metadata.all_greedy:
        verify_greedily(output, drafts, target_logits.argmax(dim=-1), bonus_token_ids)
        return output
    is_greedy = sampling_metadata.temperature == GREEDY_TEMPERATURE
    if not sampling_metadata.all_random:
        verify_greedily(output, drafts, target_logits.argmax(dim=-1), bonus_token_ids, is_greedy)
    target_probs = target_logits.softmax(dim=-1, dtype=torch.float32)
    numbers = draw(num_draft_tokens, target_probs, sampling_metadata.generators)
    verify_randomly(
        *(output, drafts, target_probs, numbers, bonus_token_ids, ~is_greedy),
        ratio_dtype=RATIO_DTYPE,
    )
    return output


def draw(
    num_draft_tokens: list[int], target_probs: torch.Tensor, generators: dict[int, torch.Generator]
) -> RandomNumbers:
    """Draw as upstream does: uniform numbers first; generators without drafts go on for nothing."""
    num_tokens, vocab_size = target_probs.shape
    device = target_probs.device
    uniform = generate_uniform_probs(num_tokens, num_draft_tokens, generators, device)
    size = (len(num_draft_tokens), vocab_size)
    exponential = torch.empty(size, dtype=torch.float32, device=device).exponential_()
    for request, generator in generators.items():
        row = exponential[request]
        (row if num_draft_tokens[request] else row.clone()).exponential_(generator=generator)
    return RandomNumbers(uniform, exponential)


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
            *(uniform_probs, probs),
            most=POSTERIOR_THRESHOLD,
            alpha=POSTERIOR_ALPHA,
            epsilon=EPSILON,
        )
    accepted = accepts(
        *(draft_token_ids, None if IS_NGRAM else draft_probs, target_probs, uniform_probs),
        ratio_dtype=RATIO_DTYPE,
        candidate_ids=target_indices if enable_reduce_sampling else None,
    )
    sample(
        output_token_ids,
        DraftGrid.of(cu_num_draft_tokens, draft_token_ids.shape[0], max_spec_len),
        *(draft_token_ids, accepted, lambda tokens: recovered_token_ids[tokens]),
        *(bonus_token_ids, ~is_greedy),
    )


def sample_recovered_tokens_pytorch(
    output_token_ids: torch.Tensor,
    cu_num_draft_tokens: torch.Tensor,
    draft_token_ids: torch.Tensor,
    draft_probs: torch.Tensor | None,
    target_probs: torch.Tensor,
    q: torch.Tensor,
    vocab_size: int,  # noqa: ARG001
    IS_NGRAM: bool = False,  # noqa: N803
    target_indices: torch.Tensor | None = None,
    enable_reduce_sampling: bool = False,
) -> None:
    """Recover a token for each draft, with exponential numbers `q`, [batch, vocabulary]."""
    output_token_ids.copy_(
        recover_all(
            *(cu_num_draft_tokens, draft_token_ids, None if IS_NGRAM else draft_probs),
            *(target_probs, q),
            candidate_ids=target_indices if enable_reduce_sampling else None,
        )
    )
