"""Counts of an engine and the metrics made of them."""

import asyncio
import dataclasses

import pytest
from verl.workers.rollout.speculation_metrics import (
    speculation_metrics,
    take_counts,
    take_counts_in_process,
)
from vllm import SamplingParams
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.metrics.speculation_counts import EngineCounter
from vllm.v1.outputs import ModelRunnerOutput

from testing.registry import needs, provides
from testing.tiny_model import random_prompts


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


def counter(threshold=1, speculative=True, switched=True):
    counter_class = EngineCounter
    if not provides("padded drafts"):
        from vllm.v1.metrics.unpadded_speculation_counts import UnpaddedEngineCounter

        counter_class = UnpaddedEngineCounter
    times = iter(range(100))
    return counter_class(
        threshold, speculative=speculative, switched=switched, clock=lambda: float(next(times))
    )


def test_a_step_counts_what_was_verified():
    counts = counter(threshold=8)
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


def test_metrics_are_ratios_of_sums_and_times_of_the_slowest():
    one = {
        "speculative": True,
        "steps": 10,
        "switched_off_steps": 5,
        "sampling_steps": 20,
        "sampled_tokens": 30,
        "verified_drafts": 5,
        "draft_tokens": 15,
        "accepted_tokens": 10,
        "generation_s": 2.0,
        "tail_s": 1.5,
    }
    other = {**one, "draft_tokens": 5, "accepted_tokens": 0, "generation_s": 3.0, "tail_s": 1.0}
    assert speculation_metrics([one, other]) == {
        "rollout/generation_s": 3.0,
        "rollout/tail_s": 1.5,
        "rollout/spec_draft_tokens": 20,
        "rollout/spec_accepted_tokens": 10,
        "rollout/spec_accept_length": 2.0,
        "rollout/spec_accept_rate": 0.5,
        "rollout/spec_switched_off_share": 0.5,
        "rollout/spec_tokens_per_step": 1.5,
    }


def test_without_speculation_there_are_times_only():
    taken = counter(speculative=False).take()
    assert speculation_metrics([taken]) == {"rollout/generation_s": 0.0, "rollout/tail_s": 0.0}


def test_without_drafts_there_are_no_ratios():
    metrics = speculation_metrics([counter().take()])
    assert metrics["rollout/spec_draft_tokens"] == 0
    assert "rollout/spec_accept_rate" not in metrics


def test_without_engines_there_are_no_metrics():
    assert speculation_metrics([]) == {}


def test_a_vllm_that_is_not_patched_counts_nothing(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert asyncio.run(take_counts(engine=None)) == []
    assert speculation_metrics([take_counts_in_process(llm=None)]) == {}


@needs("drafts verified on a CPU")
@pytest.mark.parametrize("method", ["sam", "ngram"])
def test_the_counts_of_an_engine_are_those_of_vllms_statistics(policy, method, start_engine):
    llm = start_engine(policy, speculative_config={"method": method, "num_speculative_tokens": 3})
    core = llm.llm_engine.engine_core.engine_core
    prompts = [{"prompt_token_ids": prompt} for prompt in random_prompts()]
    core.take_speculation_counts()
    answers = llm.generate(
        prompts, SamplingParams(temperature=0, max_tokens=64, ignore_eos=True), use_tqdm=False
    )
    counts = core.take_speculation_counts()
    statistics = {
        metric.name: metric.value for metric in llm.get_metrics() if "value" in vars(metric)
    }
    written = sum(len(answer.outputs[0].token_ids) for answer in answers)
    assert written <= counts["sampled_tokens"] <= written + 3 * len(answers)
    assert counts["draft_tokens"] == statistics["vllm:spec_decode_num_draft_tokens"] > 0
    assert counts["accepted_tokens"] == statistics["vllm:spec_decode_num_accepted_tokens"] > 0
    assert counts["verified_drafts"] == statistics["vllm:spec_decode_num_drafts"]
    assert counts["speculative"]
