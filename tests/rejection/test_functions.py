"""The rejection sampler gives, bit for bit, what the functions give whose place it takes."""

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from testing.registry import provides
from tests.rejection.batches import batches, make_batch
from tests.rejection.functions import DEVICE, ours, upstream

pytestmark = pytest.mark.usefixtures("ascend_config")

TAKES_PROBS = provides("rejection sampler of probabilities")


def assert_same(function, *arguments, output):
    """Both functions write the same into `output`."""
    found, expected = output.clone(), output.clone()
    getattr(ours, function)(found, *(clone(argument) for argument in arguments))
    getattr(upstream, function)(expected, *(clone(argument) for argument in arguments))
    assert found.dtype == expected.dtype
    assert found.tolist() == expected.tolist()


def clone(value):
    return value.clone() if isinstance(value, torch.Tensor) else value


def outputs(batch):
    """What functions write into: placeholders."""
    size = (len(batch.num_drafts), batch.longest + 1)
    return torch.full(size, -1, dtype=torch.int32, device=DEVICE)


def rejection_sample(module, batch):
    """Tokens, and the state of each generator afterwards."""
    torch.manual_seed(batch.seed)
    metadata = batch.metadata(ours.GREEDY_TEMPERATURE)
    target = batch.probs if TAKES_PROBS and not metadata.all_greedy else batch.logits
    drafts = (batch.drafts, batch.num_drafts, batch.longest, batch.cu_num, batch.draft_probs)
    tokens = module.rejection_sample(*drafts, target.clone(), batch.bonus, metadata)
    states = [generator.get_state().tolist() for generator in metadata.generators.values()]
    return tokens.dtype, tokens.tolist(), states


@settings(deadline=None, max_examples=200)
@given(batches())
@example(make_batch([3, 0, 32, 1], 40, is_greedy=[True, False, False, True], seeded=[0, 1, 2]))
@example(make_batch([0, 2, 0], 5, samples_drafts=True, seeded=[0, 1]))
@example(make_batch([1, 1], 5, is_greedy=True))
def test_rejection_sample(batch):
    batch = batch.on(DEVICE)
    assert rejection_sample(ours, batch) == rejection_sample(upstream, batch)


@settings(deadline=None, max_examples=100)
@given(batches())
def test_greedy(batch):
    batch = batch.on(DEVICE)
    arguments = (batch.cu_num, batch.drafts, batch.logits.argmax(-1), batch.bonus, batch.num_drafts)
    for is_greedy in (None, batch.is_greedy):
        assert_same(
            *("rejection_greedy_sample_pytorch", *arguments, batch.longest, is_greedy),
            output=outputs(batch),
        )


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 50), st.integers(0, 99))
def test_greedy_with_one_draft_each(batch_size, seed):
    batch = make_batch([1] * batch_size, 5, seed).on(DEVICE)
    assert_same(
        "rejection_greedy_sample_spec_len_1_pytorch",
        *(batch.drafts, batch.logits.argmax(-1), batch.bonus),
        output=outputs(batch),
    )


@settings(deadline=None, max_examples=100)
@given(batches())
def test_random(batch):
    batch = batch.on(DEVICE)
    recovered = (batch.drafts + 1) % batch.vocabulary
    assert_same(
        *("rejection_random_sample_pytorch", batch.cu_num, batch.drafts, batch.draft_probs),
        *(batch.probs, batch.bonus, recovered, batch.uniform(), batch.is_greedy),
        *(batch.longest, batch.vocabulary, batch.draft_probs is None),
        output=outputs(batch),
    )


@settings(deadline=None, max_examples=100)
@given(batches())
def test_recovered(batch):
    batch = batch.on(DEVICE)
    assert_same(
        *("sample_recovered_tokens_pytorch", batch.cu_num, batch.drafts, batch.draft_probs),
        *(batch.probs, batch.exponential(), batch.vocabulary, batch.draft_probs is None),
        output=torch.empty_like(batch.drafts),
    )


@pytest.mark.parametrize("number", [0.0, math.inf])
def test_numbers_that_sample_nothing(number):
    """Of 0, which torch's generators avoid, upstream may sample the token itself."""
    probs = torch.full((1, 4), 0.25).to(DEVICE)
    exponential = torch.tensor([[1.0, number, 0.5, 2.0]]).to(DEVICE)
    output, ends = torch.zeros(1, dtype=torch.int32).to(DEVICE), torch.tensor([1]).to(DEVICE)
    ours.sample_recovered_tokens_pytorch(
        output, ends, torch.zeros_like(output), None, probs, exponential, 4, True
    )
    assert output.tolist() == [2]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_rows_that_are_no_distribution(value):
    """A broken model is not taken for one that accepts its drafts."""
    batch = make_batch([3, 2], 10, is_greedy=False)
    batch.logits[0] = value
    batch.logits[4, 3] = value
    batch = batch.on(DEVICE)
    assert rejection_sample(ours, batch) == rejection_sample(upstream, batch)


def test_wider_outputs_and_numbers():
    batch = make_batch([3, 2], 10).on(DEVICE)
    wide = torch.full((2, 7), -1, dtype=torch.int32, device=DEVICE)
    recovered = (batch.drafts + 1) % batch.vocabulary
    assert_same(
        *("rejection_random_sample_pytorch", batch.cu_num, batch.drafts, None, batch.probs),
        *(batch.bonus, recovered, batch.uniform(), batch.is_greedy, batch.longest),
        *(batch.vocabulary, True),
        output=wide,
    )


def test_tokens_beyond_the_last_request():
    """Of a padded batch the tokens of its requests are right, and the others do no harm."""
    batch = make_batch([2, 3, 2], 10).on(DEVICE)
    found, expected = torch.zeros_like(batch.drafts), torch.zeros_like(batch.drafts)
    for module, output in ((ours, found), (upstream, expected)):
        module.sample_recovered_tokens_pytorch(
            *(output, batch.cu_num[:2], batch.drafts, None, batch.probs, batch.exponential()[:2]),
            *(batch.vocabulary, True),
        )
    assert found[:5].tolist() == expected[:5].tolist()


@settings(deadline=None, max_examples=100)
@given(batches(), st.sampled_from([torch.float32, torch.int32, torch.int64]), st.integers(0, 3))
def test_expand(batch, dtype, replace_from):
    batch = batch.on(DEVICE)
    values = torch.arange(len(batch.num_drafts), device=DEVICE).to(dtype)
    output = torch.zeros(len(batch.drafts), device=DEVICE, dtype=dtype)
    assert_same(*("expand_pytorch", values, batch.cu_num, replace_from, 7, 32), output=output)
