"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest
import specroll

MODULES = [module.name for module in pkgutil.walk_packages(specroll.__path__, prefix="specroll.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
