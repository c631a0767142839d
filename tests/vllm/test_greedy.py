"""Greedy generation with drafts gives the tokens of generation without."""

import pytest
import torch
from vllm import SamplingParams
from vllm.lora.request import LoRARequest
from vllm.sampling_params import StructuredOutputsParams

from testing.engine import (
    NGRAM,
    SAM,
    add_request,
    counters,
    draft_counts,
    generate,
    model_runner,
    run,
)
from testing.registry import needs
from testing.tiny_model import TOKENS

pytestmark = needs("drafts verified on a CPU")

MAX_MODEL_LEN = 512


@pytest.fixture(scope="module")
def plain_tokens():
    """Tokens without speculation by (prompt index, max_tokens), filled by the first test."""
    return {}


@pytest.fixture
def expected(start_engine, prompts, plain_tokens):
    """Tokens of each prompt without speculation."""
    if not plain_tokens:
        engine = start_engine()
        plain_tokens["tokens"] = generate(engine, prompts, max_tokens=150)
    return plain_tokens["tokens"]


@pytest.mark.parametrize(
    ("speculation", "in_process"),
    [(SAM, True), (SAM, False), (NGRAM, True)],
    ids=["sam", "sam-own_process", "ngram"],
)
def test_tokens_equal_those_without_speculation(
    start_engine, prompts, expected, speculation, in_process
):
    engine = start_engine(speculation, in_process=in_process)
    assert generate(engine, prompts, max_tokens=150) == expected
    num_drafted, num_accepted = draft_counts(engine)
    assert num_drafted > num_accepted > 0


def test_an_engine_without_drafts_after_one_with_them(start_engine, prompts):
    """What has come into the process with the first, such as numba, is no hindrance."""
    drafting = generate(start_engine(SAM), prompts[:3])
    assert generate(start_engine(), prompts[:3]) == drafting


def test_requests_up_to_max_model_len(start_engine, prompts):
    """A request near the limit gets shorter drafts and stops no other request's."""
    batch = [prompts[0] * 160, prompts[1], prompts[2]]
    max_tokens = [MAX_MODEL_LEN - len(batch[0]), 60, 60]
    plain = generate(start_engine(), batch, max_tokens=max_tokens)
    assert len(plain[0]) + len(batch[0]) == MAX_MODEL_LEN

    engine = start_engine(SAM)
    propose = model_runner(engine).drafter.propose
    proposed_beside_a_full_request = 0

    def recording(input_batch, sampled_token_ids):
        nonlocal proposed_beside_a_full_request
        drafts = propose(input_batch, sampled_token_ids)
        room = MAX_MODEL_LEN - 1 - input_batch.num_tokens_no_spec[: len(drafts)]
        assert all(len(draft) <= max(limit, 0) for draft, limit in zip(drafts, room, strict=True))
        if (room <= SAM["num_speculative_tokens"]).any():
            proposed_beside_a_full_request += sum(map(len, drafts))
        return drafts

    model_runner(engine).drafter.propose = recording
    assert generate(engine, batch, max_tokens=max_tokens) == plain
    assert proposed_beside_a_full_request > 0
    assert draft_counts(engine)[1] > 0


def test_state_of_finished_requests_is_freed(start_engine, prompts):
    engine = start_engine(SAM)
    generate(engine, prompts, max_tokens=20)
    generate(engine, prompts[:1], max_tokens=2)  # the step that tells of the finished ones
    assert len(model_runner(engine).drafter.drafter) == 1


def test_chunked_prefill_and_preemption(start_engine, prompts):
    """A prompt in pieces, and too few cache blocks for all requests at once."""
    options = {"max_num_batched_tokens": 64, "num_gpu_blocks_override": 8, "block_size": 128}
    options |= {"enable_prefix_caching": False}
    plain = generate(start_engine(**options), prompts, max_tokens=100)
    engine = start_engine(SAM, **options)
    assert generate(engine, prompts, max_tokens=100) == plain
    assert draft_counts(engine)[1] > 0
    assert counters(engine)["vllm:num_preemptions"] > 0


@pytest.mark.parametrize(
    "sampling",
    [
        {"repetition_penalty": 1.1},
        {"frequency_penalty": 0.5, "presence_penalty": 0.2},
        {"min_tokens": 30, "stop_token_ids": [9]},
        {"allowed_token_ids": list(range(0, 64, 2))},
        {"logprobs": 2},
    ],
    ids=lambda sampling: "-".join(sampling),
)
def test_options_that_look_at_logits(start_engine, prompts, sampling):
    plain = generate(start_engine(), prompts, **sampling)
    engine = start_engine(SAM)
    assert generate(engine, prompts, **sampling) == plain
    assert draft_counts(engine)[1] > 0


def test_log_probabilities_of_drafted_tokens(start_engine, prompts):
    sampling = SamplingParams(
        temperature=0.0, max_tokens=60, ignore_eos=True, logprobs=1, detokenize=False
    )
    requests = [{"prompt_token_ids": prompt} for prompt in prompts]
    found = []
    for speculation in (None, SAM):
        outputs = start_engine(speculation).generate(requests, sampling, use_tqdm=False)
        found.append(
            [
                position[token].logprob
                for output in outputs
                for token, position in zip(
                    output.outputs[0].token_ids, output.outputs[0].logprobs, strict=True
                )
            ]
        )
    assert found[1] == pytest.approx(found[0], abs=1e-4)


def test_several_samples_of_one_prompt(start_engine, prompts):
    engine = start_engine(SAM)
    sampling = SamplingParams(
        n=4, temperature=1.0, seed=3, max_tokens=40, ignore_eos=True, detokenize=False
    )
    output = engine.generate([{"prompt_token_ids": prompts[5]}], sampling, use_tqdm=False)[0]
    assert [len(sample.token_ids) for sample in output.outputs] == [40] * 4
    assert len({tuple(sample.token_ids) for sample in output.outputs}) == 4


def test_prefix_caching(start_engine, prompts, expected):
    """A prompt that is in the cache is not computed again, and its request drafts as any other."""
    engine = start_engine(SAM, enable_prefix_caching=True, block_size=32)
    for _ in range(2):
        assert generate(engine, prompts, max_tokens=150) == expected
    assert counters(engine)["vllm:prefix_cache_hits"] > 0
    assert draft_counts(engine)[1] > 0


def test_structured_output(start_engine, model_with_tokenizer, prompts):
    """The grammar holds for drafts too: what it forbids is cut off before verification."""
    options = {"model": str(model_with_tokenizer), "skip_tokenizer_init": False}
    # No request comes to the end of this one: releases of xgrammar differ in the end token's place.
    sampling = {"structured_outputs": StructuredOutputsParams(regex="([a-d]{3},){50}")}
    plain = generate(start_engine(**options), prompts, **sampling)
    engine = start_engine(SAM, **options)
    assert generate(engine, prompts, **sampling) == plain
    assert {token for tokens in plain for token in tokens} <= set(map(TOKENS.index, "abcd,"))
    assert draft_counts(engine)[1] > 0


def test_lora(start_engine, lora_adapter, prompts, expected):
    adapters = [LoRARequest("adapter", 1, str(lora_adapter))] * len(prompts)
    options = {"enable_lora": True, "max_lora_rank": 8}
    plain = generate(start_engine(**options), prompts, 150, adapters)
    assert all(tokens != base for tokens, base in zip(plain, expected, strict=True))
    engine = start_engine(SAM, **options)
    assert generate(engine, prompts, 150, adapters) == plain
    assert draft_counts(engine)[1] > 0


def test_allowed_tokens_are_each_requests_own(start_engine, prompts):
    """They go with a request where the batch is reordered, as upstream does before attention."""
    engine = start_engine(SAM)
    options = {"0": {}, "1": {"allowed_token_ids": [1, 2, 3, 4, 5]}}

    def add(name):
        add_request(engine, name, prompts[int(name)], 40, **options[name])

    alone = {}
    for name in options:
        add(name)
        alone |= run(engine)
    for name in options:
        add(name)
    assert not run(engine, num_steps=5)
    with torch.inference_mode():
        model_runner(engine).input_batch.swap_states(0, 1)
    assert run(engine) == alone
