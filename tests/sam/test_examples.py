"""The worked examples in docstrings do what they say."""

import doctest

import pytest
import sam_drafting.drafter
import sam_drafting.history
import sam_drafting.index
import sam_drafting.policy
import sam_drafting.reference.sam
import specroll_speculation.batch_switch
import specroll_speculation.counts
import specroll_speculation.monitor

MODULES = (
    sam_drafting.drafter,
    sam_drafting.history,
    sam_drafting.index,
    sam_drafting.policy,
    sam_drafting.reference.sam,
    specroll_speculation.batch_switch,
    specroll_speculation.counts,
    specroll_speculation.monitor,
)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_examples_of_a_module(module):
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed
