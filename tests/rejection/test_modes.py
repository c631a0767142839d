"""Ways of verification besides that by token."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from testing.registry import require

require("rejection by blocks")

from vllm_ascend.ascend_config import get_ascend_config
from vllm_ascend.sample import rejection_of_logits

from tests.rejection.batches import batches, make_batch
from tests.rejection.functions import DEVICE, ours, upstream

pytestmark = pytest.mark.usefixtures("ascend_config")


def candidates(batch):
    """For each draft, half of the vocabulary and what the target says of it."""
    generator = torch.Generator().manual_seed(batch.seed)
    order = torch.rand(batch.logits.shape, generator=generator).argsort(-1)
    token_ids = order[:, : (batch.vocabulary + 1) // 2].contiguous()
    return token_ids, batch.logits.gather(1, token_ids).softmax(-1)


def random_sample(module, batch, probs, **options):
    recovered = (batch.drafts + 1) % batch.vocabulary
    output = torch.full((len(batch.num_drafts), batch.longest + 1), -1, dtype=torch.int32)
    output = output.to(DEVICE)
    module.rejection_random_sample_pytorch(
        *(output, batch.cu_num, batch.drafts, batch.draft_probs, probs, batch.bonus, recovered),
        *(batch.uniform(), batch.is_greedy, batch.longest, probs.shape[1]),
        IS_NGRAM=batch.draft_probs is None,
        **options,
    )
    return output.tolist()


def recovered_tokens(module, batch, probs, token_ids):
    output = torch.empty_like(batch.drafts)
    exponential = batch.exponential()[:, : probs.shape[1]].contiguous()
    module.sample_recovered_tokens_pytorch(
        *(output, batch.cu_num, batch.drafts, batch.draft_probs, probs.clone(), exponential),
        *(probs.shape[1], batch.draft_probs is None),
        target_indices=token_ids,
        enable_reduce_sampling=True,
    )
    return output.tolist()


@settings(deadline=None, max_examples=60)
@given(batches(), st.floats(0.1, 1.0), st.floats(0.0, 2.0))
def test_entropy(batch, threshold, alpha):
    batch = batch.on(DEVICE)
    options = {
        "ENTROPY_VERIFY": True,
        "POSTERIOR_THRESHOLD": threshold,
        "POSTERIOR_ALPHA": alpha,
        "ori_target_probs": (2 * batch.logits).softmax(-1),
    }
    probs = batch.probs
    assert random_sample(ours, batch, probs, **options) == random_sample(
        upstream, batch, probs, **options
    )


@settings(deadline=None, max_examples=60)
@given(batches())
def test_candidates(batch):
    token_ids, probs = (tensor.to(DEVICE) for tensor in candidates(batch))
    batch = batch.on(DEVICE)
    options = {"target_indices": token_ids, "enable_reduce_sampling": True}
    assert random_sample(ours, batch, probs, **options) == random_sample(
        upstream, batch, probs, **options
    )
    assert recovered_tokens(ours, batch, probs, token_ids) == recovered_tokens(
        upstream, batch, probs, token_ids
    )


def test_places_without_a_token_are_never_accepted():
    batch = make_batch([3, 2], 10)
    batch = replace(batch, drafts=torch.full_like(batch.drafts, -1)).on(DEVICE)
    probs = batch.probs
    assert random_sample(ours, batch, probs) == random_sample(upstream, batch, probs)


@pytest.mark.parametrize(
    ("num_drafts", "option"), [([3, 4], "enable_block_verify"), ([1, 2], "enable_entropy_verify")]
)
def test_other_ways_stay_upstreams(num_drafts, option, monkeypatch):
    monkeypatch.setattr(get_ascend_config().rejection_sampler_config, option, True)
    batch = make_batch(num_drafts, 10).on(DEVICE)

    def sampled(module):
        torch.manual_seed(0)
        return module.rejection_sample(
            *(batch.drafts, batch.num_drafts, batch.longest, batch.cu_num, None),
            *(batch.logits.clone(), batch.bonus, batch.metadata(ours.GREEDY_TEMPERATURE)),
            ori_target_logits=batch.logits.clone(),
        ).tolist()

    assert sampled(ours) == sampled(upstream)


def test_candidates_of_each_rank_stay_upstreams(monkeypatch):
    monkeypatch.setattr(get_ascend_config(), "enable_reduce_sample", True)
    batch = make_batch([1, 2], 10)
    token_ids, probs = (tensor.to(DEVICE) for tensor in candidates(batch))
    batch, target = batch.on(DEVICE), (probs.log(), token_ids)
    drafts = (batch.drafts, batch.num_drafts, batch.longest, batch.cu_num, None)

    def sampled(module):
        torch.manual_seed(0)
        metadata = batch.metadata(ours.GREEDY_TEMPERATURE)
        return module.rejection_sample(*drafts, target, batch.bonus, metadata).tolist()

    assert sampled(ours) == sampled(upstream)


def test_310p_draws_its_own_numbers(monkeypatch):
    monkeypatch.setattr(rejection_of_logits, "is_310p", lambda: True)
    assert not rejection_of_logits.is_by_token(2)
