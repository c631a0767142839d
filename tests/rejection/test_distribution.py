"""What requests get follows the target model, whatever was drafted."""

import pytest
import torch
from rejection_sampling import Drafts, recovered_from, verify_randomly
from scipy.stats import chisquare

REPEATS = 40_000
LEAST_P = 1e-3
TARGET = torch.tensor([0.05, 0.3, 0.1, 0.35, 0.2])
OTHER = torch.tensor([0.3, 0.05, 0.35, 0.2, 0.1])


def first_tokens(draft_probs, seed):
    """The first token of each of many requests with two drafts each."""
    generator = torch.Generator().manual_seed(seed)
    vocabulary, num_tokens = len(TARGET), 2 * REPEATS
    if draft_probs is None:
        drafts = torch.full((num_tokens,), 3)
    else:
        drafts = draft_probs.multinomial(num_tokens, replacement=True, generator=generator)
        draft_probs = draft_probs.expand(num_tokens, -1).contiguous()
    output = torch.full((REPEATS, 3), -1, dtype=torch.int32)
    ends = 2 * torch.arange(1, REPEATS + 1)
    batch = Drafts(drafts.int(), ends, longest=2, probs=draft_probs)
    target_probs = TARGET.expand(num_tokens, -1).contiguous()
    exponentials = torch.empty(REPEATS, vocabulary).exponential_(generator=generator)
    verify_randomly(
        output,
        batch,
        target_probs=target_probs,
        uniform_probs=torch.rand(num_tokens, dtype=torch.float64, generator=generator),
        replacement=recovered_from(batch, target_probs, exponentials),
        bonus_token_ids=torch.zeros(REPEATS, 1, dtype=torch.int32),
        ratio_dtype=torch.float64,
    )
    return output


@pytest.mark.parametrize("draft_probs", [None, OTHER], ids=["one token", "sampled"])
def test_first_token(draft_probs):
    counts = first_tokens(draft_probs, seed=0)[:, 0].bincount(minlength=len(TARGET))
    assert chisquare(counts, REPEATS * TARGET).pvalue > LEAST_P
    # The same samples tell the target from a distribution that is not far.
    shifted = TARGET + torch.tensor([0.02, -0.02, 0.0, 0.0, 0.0])
    assert chisquare(counts, REPEATS * shifted).pvalue < 1e-6


def test_token_after_an_accepted_draft():
    output = first_tokens(OTHER, seed=1)
    after = output[output[:, 1] >= 0, 1]
    counts = after.bincount(minlength=len(TARGET))
    assert chisquare(counts, len(after) * TARGET).pvalue > LEAST_P
