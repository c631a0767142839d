"""The examples in docstrings are right."""

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "bench.lib.drafters.automaton",
        "bench.lib.drafters.first_occurrence",
        "bench.lib.drafters.peers",
        "bench.lib.drafters.replay",
        "bench.lib.engines.process",
        "bench.lib.engines.stepping",
        "bench.lib.engines.timed",
        "bench.lib.measures.gains",
        "bench.lib.measures.ledgers",
        "demo.scorer_tasks.sums",
        "planner",
        "planner.acceptance_profile",
        "planner.answer_lengths",
        "planner.cost_model",
        "planner.engine_mode",
        "planner.predictions",
        "planner.published_gains",
        "planner.simulation",
    ],
)
def test_examples_give_what_they_say(name):
    outcome = doctest.testmod(import_module(name))
    assert outcome.attempted > 0
    assert outcome.failed == 0
