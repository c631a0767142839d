"""The environments in which the patch tool is timed."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from specroll.stack.registry import Artefact, Package, Variant

from bench import apply


@pytest.fixture
def stack(monkeypatch, tmp_path):
    """A stack of two packages, whose environment is made without their wheels."""
    monkeypatch.setenv("SPECROLL_CACHE", str(tmp_path))
    monkeypatch.setattr(apply.venv, "create", lambda folder, **_: folder.mkdir(parents=True))
    monkeypatch.setattr(apply.subprocess, "run", lambda *_, **__: None)
    keys = ("alpha", "alpha==1.0.post1", "beta", "beta-cpu")
    found = {key: Variant(key.partition("=")[0], "1.0", Artefact(key, "0" * 64)) for key in keys}
    alpha = Package("alpha", "1.0", {}, {key: found[key] for key in keys[:2]})
    beta = Package("beta", "1.0", {}, {key: found[key] for key in keys[2:]})
    return SimpleNamespace(packages={"alpha": alpha, "beta": beta})


def test_an_environment_holds_one_variant_of_each_package(stack):
    """The first version, and of several distributions the named one."""
    fetched = []
    store = SimpleNamespace(fetch=lambda variant: fetched.append(variant.artefact.name))
    apply.environment(stack, ["beta-cpu"], store)
    assert fetched == ["alpha", "beta-cpu"]


def test_an_environment_that_is_used_again_is_not_an_unused_one(stack):
    store = SimpleNamespace(fetch=lambda variant: Path("alpha.whl"))
    complete = apply.environment(stack, [], store).parents[1] / ".complete"
    os.utime(complete, (0, 0))
    apply.environment(stack, [], store)
    assert complete.stat().st_mtime > 0
