"""Metrics of a rollout, made of the counts of its engines."""

import asyncio

from specroll_speculation.counts import SpeculationCounter
from verl.workers.rollout.speculation_metrics import (
    speculation_metrics,
    take_counts,
    take_counts_in_process,
)


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
    taken = SpeculationCounter(speculative=False, switched=False).take()
    assert speculation_metrics([taken]) == {"rollout/generation_s": 0.0, "rollout/tail_s": 0.0}


def test_without_drafts_there_are_no_ratios():
    metrics = speculation_metrics([SpeculationCounter(speculative=True, switched=True).take()])
    assert metrics["rollout/spec_draft_tokens"] == 0
    assert "rollout/spec_accept_rate" not in metrics


def test_without_engines_there_are_no_metrics():
    assert speculation_metrics([]) == {}


def test_a_vllm_that_is_not_patched_counts_nothing(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert asyncio.run(take_counts(engine=None)) == []
    assert speculation_metrics([take_counts_in_process(llm=None)]) == {}
