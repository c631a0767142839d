"""Greedy generation with drafts on an emulated device gives the tokens of vLLM on the CPU."""

import pytest
import torch
from transformers import AutoModelForCausalLM
from vllm import SamplingParams

from testing.engine import NGRAM, SAM, counters, draft_counts, generate, model_runner
from testing.registry import provides

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
    """Long prompts in pieces, and too few cache blocks for all requests at once."""
    engine = start_engine(
        SAM,
        long_prefill_token_threshold=64,
        num_gpu_blocks_override=8,
        enable_prefix_caching=False,
    )
    proposer = model_runner(engine).drafter
    propose = proposer.propose
    num_absent, num_incomplete = [], []

    def recording(sampled_token_ids):
        drafts = propose(sampled_token_ids)
        num_absent.append(len(proposer.proposer.drafter) - len(sampled_token_ids))
        num_incomplete.append(sampled_token_ids.count([]))
        return drafts

    proposer.propose = recording
    assert generate(engine, prompts, MAX_TOKENS) == cpu_tokens
    assert counters(engine)["vllm:num_preemptions"] > 0
    assert max(num_absent) > 0
    assert max(num_incomplete) > 0
    assert draft_counts(engine)[1] > 0


def test_requests_up_to_max_model_len(start_engine, prompts, cpu_tokens):
    """A request near the limit gets shorter drafts and stops no other request's."""
    limit = len(prompts[-1]) + 60
    engine = start_engine(SAM, max_model_len=limit)
    batch = model_runner(engine).input_batch
    propose = model_runner(engine).drafter.propose
    num_beside_a_full_request = 0

    def recording(sampled_token_ids):
        nonlocal num_beside_a_full_request
        drafts = propose(sampled_token_ids)
        room = limit - 1 - batch.num_tokens_no_spec[: len(drafts)]
        assert all(len(draft) <= max(most, 0) for draft, most in zip(drafts, room, strict=True))
        if (room <= SAM["num_speculative_tokens"]).any():
            num_beside_a_full_request += sum(map(len, drafts))
        return drafts

    model_runner(engine).drafter.propose = recording
    tokens = generate(engine, prompts, MAX_TOKENS)
    for prompt, found, expected in zip(prompts, tokens, cpu_tokens, strict=True):
        assert found == expected[: limit - len(prompt)]
    assert num_beside_a_full_request > 0


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


@torch.no_grad()
def tokens_with_penalty(target_model, prompt, penalty):
    """Greedy tokens after a prompt, repetition penalised, as transformers generates them."""
    model = AutoModelForCausalLM.from_pretrained(target_model, dtype=torch.float32)
    ids = torch.tensor([prompt])
    options = {"max_new_tokens": MAX_TOKENS, "do_sample": False, "eos_token_id": None}
    text = model.generate(ids, repetition_penalty=penalty, **options)[0].tolist()
    return text[len(prompt) :]


def test_penalties_hold_for_drafted_tokens(start_engine, target_model, prompts):
    """Also where requests with penalties get no drafts."""
    engine = start_engine(SAM)
    found = generate(engine, prompts[:6], MAX_TOKENS, repetition_penalty=1.1)
    assert found == [tokens_with_penalty(target_model, prompt, 1.1) for prompt in prompts[:6]]
    assert (draft_counts(engine)[1] > 0) == provides("drafts for requests with penalties")


@torch.no_grad()
def log_probabilities(target_model, prompt, tokens):
    """[len(tokens)] of the tokens after a prompt, as transformers computes them."""
    model = AutoModelForCausalLM.from_pretrained(target_model, dtype=torch.float32)
    logits = model(torch.tensor([prompt + tokens])).logits[0, len(prompt) - 1 : -1]
    return logits.log_softmax(dim=-1).gather(1, torch.tensor(tokens)[:, None])[:, 0].tolist()


def test_log_probabilities_of_drafted_tokens(start_engine, target_model, prompts, cpu_tokens):
    """Each emitted token has its own, as without drafts, also where a draft was accepted."""
    engine = start_engine(SAM)
    requests = [{"prompt_token_ids": prompt} for prompt in prompts]
    parameters = SamplingParams(**{**GREEDY, "logprobs": 1})
    outputs = engine.generate(requests, parameters, use_tqdm=False)
    for prompt, output, expected in zip(prompts, outputs, cpu_tokens, strict=True):
        tokens, positions = list(output.outputs[0].token_ids), output.outputs[0].logprobs
        assert tokens == expected
        found = [position[token].logprob for token, position in zip(tokens, positions, strict=True)]
        right = log_probabilities(target_model, prompt, tokens)
        assert found == pytest.approx(right, abs=1e-3)
    assert draft_counts(engine)[1] > 0


def test_allowed_tokens_are_each_requests_own(start_engine, prompts):
    """Drafts reorder the batch, and what a request may say goes with it."""
    engine = start_engine(SAM)
    rows = [
        SamplingParams(
            **{
                **GREEDY,
                "max_tokens": 40,
                "allowed_token_ids": [1, 2, 3, 4, 5] if row % 2 else None,
            }
        )
        for row in range(6)
    ]

    def generated(prompts, parameters):
        requests = [{"prompt_token_ids": prompt} for prompt in prompts]
        outputs = engine.generate(requests, parameters, use_tqdm=False)
        return [list(output.outputs[0].token_ids) for output in outputs]

    together = generated(prompts[:6], rows)
    alone = [
        generated([prompt], [parameters])[0]
        for prompt, parameters in zip(prompts[:6], rows, strict=True)
    ]
    assert together == alone
    assert draft_counts(engine)[1] > 0
