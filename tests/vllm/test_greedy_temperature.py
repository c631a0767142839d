"""Greedy requests in a batch that also samples."""

import torch
from vllm import SamplingParams
from vllm.v1.sample import rejection_sampler

from testing.registry import needs

pytestmark = needs("rejection sampler of probabilities")


def test_greedy_requests_keep_their_logits(make_batch, monkeypatch):
    def expand(values, ends, num_tokens, replace_from=0, replace_to=0):
        """Stands in for a Triton kernel: repeats the value of each request for its drafts."""
        counts = torch.diff(ends, prepend=ends.new_zeros(1))
        return torch.where(values == replace_from, replace_to, values).repeat_interleave(counts)

    monkeypatch.setattr(rejection_sampler, "expand_batch_to_tokens", expand)
    greedy, sampled = SamplingParams(temperature=0.0), SamplingParams(temperature=0.5)
    metadata = make_batch([([1, 2], greedy), ([3, 4], sampled)]).sampling_metadata
    is_greedy = metadata.temperature == rejection_sampler.GREEDY_TEMPERATURE
    assert is_greedy.tolist() == [True, False]

    logits = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    found = rejection_sampler.compute_probs(logits.clone(), torch.tensor([2, 3]), metadata)
    expected = torch.softmax(logits / torch.tensor([1.0, 1.0, 0.5]).unsqueeze(-1), dim=-1)
    torch.testing.assert_close(found, expected)
