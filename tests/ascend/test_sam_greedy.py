"""Greedy generation with drafts on an emulated device gives the tokens of vLLM on the CPU."""

import pytest
from vllm import SamplingParams

from testing.engine import NGRAM, SAM, counters, draft_counts, generate, model_runner

MAX_MODEL_LEN = 512
MAX_TOKENS = 100
GREEDY = {"max_tokens": MAX_TOKENS, "ignore_eos": True, "detokenize": False, "temperature": 0.0}


@pytest.mark.parametrize("speculation", [SAM, NGRAM], ids=["sam", "ngram"])
def test_tokens_equal_those_without_speculation(start_engine, prompts, cpu_tokens, speculation):
    engine = start_engine(speculation)
    assert generate(engine, prompts, MAX_TOKENS) == cpu_tokens
    num_drafted, num_accepted = draft_counts(engine)
    assert num_drafted > num_accepted > 0
    assert generate(engine, prompts[5:6], MAX_TOKENS) == cpu_tokens[5:6]
    assert draft_counts(engine)[1] > num_accepted


def test_chunked_prefill_and_preemption(start_engine, prompts, cpu_tokens):
    """A prompt in pieces, and too few cache blocks for all requests at once."""
    engine = start_engine(
        SAM,
        enable_chunked_prefill=True,
        max_num_batched_tokens=64,
        num_gpu_blocks_override=8,
        enable_prefix_caching=False,
    )
    proposer = model_runner(engine).drafter
    propose = proposer.propose
    num_absent = []

    def recording(sampled_token_ids):
        drafts = propose(sampled_token_ids)
        num_absent.append(len(proposer.proposer.drafter) - len(sampled_token_ids))
        return drafts

    proposer.propose = recording
    assert generate(engine, prompts, MAX_TOKENS) == cpu_tokens
    assert counters(engine)["vllm:num_preemptions"] > 0
    assert max(num_absent) > 0
    assert draft_counts(engine)[1] > 0


def test_requests_up_to_max_model_len(start_engine, prompts):
    """A request near the limit gets shorter drafts and stops no other request's."""
    batch = [prompts[0] * 160, prompts[1], prompts[2]]
    max_tokens = [MAX_MODEL_LEN - len(batch[0]), 60, 60]
    plain = generate(start_engine(), batch, max_tokens)
    engine = start_engine(SAM)
    assert generate(engine, batch, max_tokens) == plain
    assert len(plain[0]) + len(batch[0]) == MAX_MODEL_LEN
    assert draft_counts(engine)[1] > 0


def test_greedy_requests_beside_sampled_ones(start_engine, prompts, cpu_tokens):
    engine = start_engine(SAM)
    parameters = [
        SamplingParams(**{**GREEDY, "temperature": 0.8 * (row % 2), "seed": row})
        for row in range(len(prompts))
    ]
    requests = [{"prompt_token_ids": prompt} for prompt in prompts]
    outputs = engine.generate(requests, parameters, use_tqdm=False)
    tokens = [list(output.outputs[0].token_ids) for output in outputs]
    assert tokens[::2] == cpu_tokens[::2]
    assert all(
        sampled != greedy for sampled, greedy in zip(tokens[1::2], cpu_tokens[1::2], strict=True)
    )
    assert draft_counts(engine)[1] > 0


def test_log_probabilities_of_drafted_tokens(start_engine, prompts, cpu_tokens):
    """Each emitted token has its own, as without drafts, also where a draft was accepted."""
    parameters = SamplingParams(**{**GREEDY, "logprobs": 1})
    requests = [{"prompt_token_ids": prompt} for prompt in prompts]
    found = []
    for speculation in (None, SAM):
        engine = start_engine(speculation)
        outputs = [
            output.outputs[0] for output in engine.generate(requests, parameters, use_tqdm=False)
        ]
        assert [list(output.token_ids) for output in outputs] == cpu_tokens
        found.append(
            [
                position[token].logprob
                for output in outputs
                for token, position in zip(output.token_ids, output.logprobs, strict=True)
            ]
        )
    assert found[1] == pytest.approx(found[0], abs=1e-4)
    assert draft_counts(engine)[1] > 0
