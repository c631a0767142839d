"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest
import specroll_rejection
import specroll_scorer


def modules():
    for package in (specroll_rejection, specroll_scorer):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield found.name
    yield "verl.experimental.agent_loop.group_servers"
    yield "verl.workers.rollout.group_placement"


@pytest.mark.parametrize("name", modules())
def test_examples(name):
    assert not doctest.testmod(importlib.import_module(name)).failed
