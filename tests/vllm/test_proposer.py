"""The proposer on real input batches."""

from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from vllm import SamplingParams
from vllm.config import ParallelConfig, SpeculativeConfig
from vllm.v1.spec_decode import sam_proposer
from vllm.v1.spec_decode.sam_proposer import IdleProposer, SamProposer, drafts_reach_a_scheduler

from testing.engine import SAM
from testing.registry import needs, provides

MAX_MODEL_LEN = 256
REPETITIVE = [5, 6, 7, 8] * 4
PLAIN = SamplingParams(temperature=0.0)


def proposer_class():
    """The class that the hook of the installed stack names."""
    if provides("our own draft exclusions"):
        from vllm.v1.spec_decode.excluding_sam_proposer import ExcludingSamProposer

        return ExcludingSamProposer
    return SamProposer


@pytest.fixture
def make_proposer(monkeypatch):
    """Makes proposers; a stand-in configuration, for a CPU may refuse a real one."""

    def make(threshold="0"):
        monkeypatch.setenv("VLLM_SPECULATIVE_BATCH_SIZE_THRE", threshold)
        config = SimpleNamespace(
            speculative_config=SpeculativeConfig(**SAM),
            model_config=SimpleNamespace(max_model_len=MAX_MODEL_LEN),
        )
        proposer = proposer_class()(config)
        proposer.silence = Counter()
        proposer.monitor.record_silence = proposer.silence.update
        return proposer

    return make


def test_drafts_continue_the_text(make_proposer, make_batch):
    batch = make_batch([(REPETITIVE, PLAIN), ([1, 2, 3], PLAIN)])
    drafts = make_proposer().propose(batch, [[8], [3]])
    assert drafts == [[5, 6, 7], []]


@needs("our own draft exclusions")
@pytest.mark.parametrize("options", [{"min_tokens": 3}, {"repetition_penalty": 1.2}])
def test_an_excluded_request_gets_none_and_is_counted(make_proposer, make_batch, options):
    batch = make_batch([(REPETITIVE, SamplingParams(**options))])
    proposer = make_proposer()
    assert proposer.propose(batch, [[8]]) == [[]]
    assert proposer.silence == {"sampling options that drafts cannot honour": 1}
    batch = make_batch([(REPETITIVE, SamplingParams(logprobs=0))])
    assert proposer.propose(batch, [[8]]) == [[5, 6, 7]]


def test_other_reasons_are_counted(make_proposer, make_batch):
    batch = make_batch([(REPETITIVE * 16, PLAIN), (REPETITIVE, PLAIN), (REPETITIVE, PLAIN)])
    batch.num_tokens_no_spec[0] = MAX_MODEL_LEN - 1
    batch.req_prompt_embeds[2] = torch.zeros(len(REPETITIVE), 4)
    proposer = make_proposer()
    assert proposer.propose(batch, [[7], [], [8]]) == [[], [], []]
    assert proposer.silence == {
        "at max_model_len": 1,
        "prompt not complete": 1,
        "prompt given as embeddings": 1,
    }


def test_a_request_near_max_model_len_gets_a_short_draft(make_proposer, make_batch):
    batch = make_batch([(REPETITIVE * 16, PLAIN), (REPETITIVE, PLAIN)])
    batch.num_tokens_no_spec[0] = MAX_MODEL_LEN - 2
    drafts = make_proposer().propose(batch, [[6], [8]])
    assert [len(draft) for draft in drafts] == [1, 3]


def test_above_the_threshold_nothing_is_proposed_and_all_is_learnt(make_proposer, make_batch):
    batch = make_batch([(REPETITIVE, PLAIN), (REPETITIVE, PLAIN)])
    proposer = make_proposer("1")
    assert not proposer.observe_batch(2)
    first, second = (proposer.propose(batch, [[8], [8]]) for _ in range(2))
    assert first == second == [[], []]
    assert first is not second
    assert first[0] is not first[1]
    assert len(proposer.drafter) == 2
    assert proposer.observe_batch(1)
    assert proposer.propose(batch, [[8], [8]]) == [[5, 6, 7]] * 2


def test_a_scheduler_that_says_how_long_drafts_may_be_is_obeyed(make_proposer, make_batch):
    batch = make_batch([(REPETITIVE, PLAIN), (REPETITIVE, PLAIN)])
    proposer = make_proposer("1")
    assert proposer.observe_batch(2, 2)
    assert proposer.propose(batch, [[8], [8]]) == [[5, 6]] * 2
    assert not proposer.observe_batch(1, 0)
    assert proposer.propose(batch, [[8], [8]]) == [[], []]


def test_finished_requests_are_forgotten(make_proposer, make_batch):
    proposer = make_proposer()
    proposer.propose(make_batch([(REPETITIVE, PLAIN)] * 3), [[8]] * 3)
    proposer.finish({"request-0", "request-2", "never-seen"})
    assert len(proposer.drafter) == 1


@pytest.mark.parametrize(
    ("backend", "rank", "used"),
    [("mp", 0, True), ("mp", 1, False), ("external_launcher", 1, True)],
)
def test_ranks_that_draft(monkeypatch, backend, rank, used):
    monkeypatch.setattr(sam_proposer, "get_tensor_model_parallel_rank", lambda: rank)
    parallel = ParallelConfig(distributed_executor_backend=backend)
    assert drafts_reach_a_scheduler(parallel) == used


def test_an_idle_proposer_gives_new_empty_drafts():
    proposer = IdleProposer()
    assert not proposer.observe_batch(1)
    first, second = (proposer.propose(None, [[8], []]) for _ in range(2))
    assert first == second == [[], []]
    assert first is not second
    assert first[0] is not first[1]


def test_prompts_given_as_embeddings_are_not_taken_in(make_proposer, make_batch):
    """Their rows begin with what another request left there."""
    batch = make_batch([(REPETITIVE, PLAIN), ([1, 2, 3], PLAIN)])
    batch.req_prompt_embeds[0] = torch.zeros(len(REPETITIVE), 4)
    proposer = make_proposer()
    assert proposer.propose(batch, [[8], [3]]) == [[], []]
    assert proposer.drafter.num_tokens == 3
