"""Log-probabilities of a step with drafts are those that the sampler gives one token at a time."""

import pickle
from types import SimpleNamespace

import pytest
import torch

from testing.registry import require

require("our own draft log-probabilities")

from vllm import SamplingParams
from vllm.v1.sample.sampler import Sampler
from vllm.v1.spec_decode.draft_logprobs import EmittedLists
from vllm.v1.spec_decode.metadata import SpecDecodeMetadata
from vllm.v1.worker.gpu_model_runner import GPUModelRunner

VOCABULARY = 64
NUM_DRAFTS = [3, 0, 2, 1]
# What a rejection sampler could give for these: all accepted, none proposed, rejected at the
# second draft, rejected at once.
EMITTED = [[5, 6, 7, 8], [9], [10, 11], [12]]
MODES = ["raw_logprobs", "raw_logits", "processed_logprobs", "processed_logits"]
SAMPLED = SamplingParams(temperature=0.7, top_k=20, top_p=0.8, logprobs=-1)
OPTIONS = {
    "greedy": [SamplingParams(temperature=0.0, logprobs=-1)] * 4,
    "sampled": [SAMPLED] * 4,
    "mixed": [
        SAMPLED,
        SamplingParams(temperature=0.9, repetition_penalty=1.3, logprobs=2),
        SamplingParams(temperature=0.0, logprobs=-1),
        SamplingParams(temperature=1.3),
    ],
}


def ends(counts):
    return torch.tensor(counts).cumsum(0)


def metadata_of(num_drafts):
    """Real metadata for drafts of the given lengths; only what is read here is filled in."""
    num_rows = [number + 1 for number in num_drafts]
    bonus = ends(num_rows) - 1
    drafts = [row for row in range(sum(num_rows)) if row not in bonus]
    return SpecDecodeMetadata(
        draft_token_ids=torch.zeros(sum(num_drafts), dtype=torch.int32),
        num_draft_tokens=num_drafts,
        cu_num_draft_tokens=ends(num_drafts).to(torch.int32),
        target_logits_indices=torch.tensor(drafts, dtype=torch.int64),
        bonus_logits_indices=bonus,
        logits_indices=torch.arange(sum(num_rows)),
    )


def sample(batch, mode, logits):
    """The runner's `_sample`; the rejection sampler, which needs Triton, is a stand-in."""
    output = torch.full((4, max(NUM_DRAFTS) + 1), -1, dtype=torch.int32)
    for row, tokens in enumerate(EMITTED):
        output[row, : len(tokens)] = torch.tensor(tokens)
    runner = SimpleNamespace(
        input_batch=batch,
        sampler=Sampler(logprobs_mode=mode),
        rejection_sampler=lambda *arguments: output,
        _update_states_after_model_execute=lambda tokens: None,
    )
    return GPUModelRunner._sample(runner, logits, metadata_of(NUM_DRAFTS))


def one_by_one(batch, mode, logits, request, position):
    """[VOCABULARY] values that the sampler alone reports for one position of one request."""
    firsts = ends([0, *(number + 1 for number in NUM_DRAFTS)])[:4]
    rows = firsts.clone()
    rows[request] += position
    found = Sampler(logprobs_mode=mode)(logits[rows].clone(), batch.sampling_metadata)
    tensors = found.logprobs_tensors
    values = torch.empty(VOCABULARY)
    values[tensors.logprob_token_ids[request].long()] = tensors.logprobs[request]
    return values


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", OPTIONS)
def test_every_emitted_token_has_the_values_of_the_sampler(make_batch, mode, kind):
    batch = make_batch([([row + 1, 2, 3], options) for row, options in enumerate(OPTIONS[kind])])
    logits = torch.randn(sum(NUM_DRAFTS) + 4, VOCABULARY) * 3
    untouched = logits.clone()
    lists = sample(batch, mode, logits).logprobs_tensors.tolists()
    torch.testing.assert_close(logits, untouched)

    for request, tokens in enumerate(EMITTED):
        rows = lists.slice(request, request + 1)
        assert len(rows.logprobs) == len(tokens)
        for position, token in enumerate(tokens):
            if position == NUM_DRAFTS[request]:  # sampled here, by the sampler itself
                token = rows.logprob_token_ids[position][0]
            values = one_by_one(batch, mode, untouched, request, position)
            assert rows.logprob_token_ids[position][0] == token
            found = torch.tensor(rows.logprobs[position])
            torch.testing.assert_close(found, values[rows.logprob_token_ids[position]])
            assert rows.sampled_token_ranks[position] == int((values >= values[token]).sum())


def test_other_positions_would_give_other_values(make_batch):
    """The comparison above can fail."""
    batch = make_batch([([row + 1, 2], SAMPLED) for row in range(4)])
    logits = torch.randn(sum(NUM_DRAFTS) + 4, VOCABULARY)
    first, second = (one_by_one(batch, MODES[0], logits, 0, position) for position in (0, 1))
    assert not torch.allclose(first, second)


def test_without_logprobs_there_are_none(make_batch):
    batch = make_batch([([row + 1, 2], SamplingParams()) for row in range(4)])
    found = sample(batch, MODES[0], torch.randn(sum(NUM_DRAFTS) + 4, VOCABULARY))
    assert found.logprobs_tensors is None


def test_lists_survive_the_way_between_processes(make_batch):
    batch = make_batch([([row + 1, 2], SAMPLED) for row in range(4)])
    logits = torch.randn(sum(NUM_DRAFTS) + 4, VOCABULARY)
    lists = sample(batch, MODES[0], logits).logprobs_tensors.tolists()
    assert isinstance(lists, EmittedLists)
    assert pickle.loads(pickle.dumps(lists)) == lists
    assert lists.slice(1, 3).logprobs == lists.rows.logprobs[4:7]
