"""Counts of an engine's speculation."""

import dataclasses

import pytest
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.metrics.speculation_counts import EngineCounter
from vllm.v1.outputs import ModelRunnerOutput

from testing.engine import NGRAM, SAM, counters, generate
from testing.registry import needs, provides


def scheduled(tokens, drafts=None):
    """A step of a scheduler; what a counter does not read is empty."""
    fields = {field.name: None for field in dataclasses.fields(SchedulerOutput)}
    return SchedulerOutput(
        **{
            **fields,
            "num_scheduled_tokens": tokens,
            "total_num_scheduled_tokens": sum(tokens.values()),
            "scheduled_spec_decode_tokens": drafts or {},
        }
    )


def sampled(tokens):
    ids = list(tokens)
    index = {req_id: i for i, req_id in enumerate(ids)}
    return ModelRunnerOutput(
        req_ids=ids,
        req_id_to_index=index,
        sampled_token_ids=list(tokens.values()),
        logprobs=None,
        prompt_logprobs_dict={},
        pooler_output=[],
    )


def counter():
    counter_class = EngineCounter
    if not provides("padded drafts"):
        from vllm.v1.metrics.unpadded_speculation_counts import UnpaddedEngineCounter

        counter_class = UnpaddedEngineCounter
    return counter_class(threshold=8, speculative=True, switched=True)


def test_a_step_counts_what_was_verified():
    counts = counter()
    drafts = {"a": [1, 2, 3], "b": [1]}
    counts.record(
        scheduled({"a": 4, "b": 2, "c": 1, "d": 7}, drafts),
        sampled({"a": [1, 2, 9], "b": [5], "c": [6], "d": []}),
    )
    taken = counts.take()
    expected = {
        "speculative": True,
        "steps": 1,
        "switched_off_steps": 0,
        "sampling_steps": 3,
        "sampled_tokens": 5,
        "verified_drafts": 2,
        "draft_tokens": 4,
        "accepted_tokens": 2,
    }
    assert {name: taken[name] for name in expected} == expected
    assert counts.take()["steps"] == 0


@needs("padded drafts")
def test_draft_tokens_that_a_grammar_refused_were_not_verified():
    counts = counter()
    step = scheduled({"a": 4}, {"a": [1, 2, -1]})
    step.num_invalid_spec_tokens = {"a": 1}
    counts.record(step, sampled({"a": [1, 2, 9]}))
    assert counts.take()["draft_tokens"] == 2


@needs("drafts verified on a CPU")
@pytest.mark.parametrize("method", [SAM, NGRAM], ids=lambda method: method["method"])
def test_the_counts_of_an_engine_are_those_of_vllms_statistics(start_engine, prompts, method):
    engine = start_engine(method)
    core = engine.llm_engine.engine_core.engine_core
    core.take_speculation_counts()
    answers = generate(engine, prompts, max_tokens=64)
    counts, statistics = core.take_speculation_counts(), counters(engine)
    written = sum(map(len, answers))
    assert written <= counts["sampled_tokens"] <= written + 3 * len(answers)
    assert counts["draft_tokens"] == statistics["vllm:spec_decode_num_draft_tokens"] > 0
    assert counts["accepted_tokens"] == statistics["vllm:spec_decode_num_accepted_tokens"] > 0
    assert counts["verified_drafts"] == statistics["vllm:spec_decode_num_drafts"]
    assert counts["speculative"]
