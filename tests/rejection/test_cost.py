"""The rejection sampler never waits for the device; it dispatches no more for many than for few."""

import pytest
import torch

from testing.npu_emulator.counting import counted
from testing.registry import provides
from tests.rejection.batches import make_batch
from tests.rejection.functions import DEVICE, ours

pytestmark = pytest.mark.usefixtures("ascend_config")

MIXED = [True, False] * 32


def counts_of(num_drafts, is_greedy, *, samples_drafts=False):
    batch = make_batch(num_drafts, 50, is_greedy=is_greedy, samples_drafts=samples_drafts)
    target = batch.probs if provides("rejection sampler of probabilities") else batch.logits
    batch, target = batch.on(DEVICE), target.to(DEVICE)
    metadata, cu_num = batch.metadata(ours.GREEDY_TEMPERATURE), batch.cu_num
    with counted() as counts:
        ours.rejection_sample(
            *(batch.drafts, batch.num_drafts, batch.longest, cu_num, batch.draft_probs),
            *(target, batch.bonus, metadata),
        )
    return counts


@pytest.mark.parametrize("samples_drafts", [False, True])
@pytest.mark.parametrize("is_greedy", [True, False, MIXED], ids=["greedy", "random", "mixed"])
def test_whole_step(is_greedy, samples_drafts):
    sizes = ([1, 2], [3, 0, 8, 5], [1] * 64, [32] * 64)
    found = [
        counts_of(
            size,
            is_greedy[: len(size)] if isinstance(is_greedy, list) else is_greedy,
            samples_drafts=samples_drafts,
        )
        for size in sizes
    ]
    assert [counts.synchronisations for counts in found] == [{}] * len(sizes)
    assert len({counts.dispatches.total() for counts in found}) == 1


def test_expansion():
    found = []
    for size in ([1, 2], [3, 0, 8, 5], [32] * 64):
        ends = torch.tensor(size).cumsum(0).to(DEVICE)
        values = torch.rand(len(size)).to(DEVICE)
        with counted() as counts:
            ours.expand_batch_to_tokens(values, ends, sum(size), 0, 1)
        found.append(counts)
    assert [counts.synchronisations for counts in found] == [{}] * 3
    assert len({counts.dispatches.total() for counts in found}) == 1
