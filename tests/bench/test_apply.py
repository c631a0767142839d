"""The environments in which the patch tool is timed."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import apply


@pytest.fixture
def stack(monkeypatch, tmp_path):
    """A stack of one package, whose environment is made without its wheel."""
    monkeypatch.setenv("SPECROLL_CACHE", str(tmp_path))
    monkeypatch.setattr(apply.venv, "create", lambda folder, **_: folder.mkdir(parents=True))
    monkeypatch.setattr(apply.subprocess, "run", lambda *_, **__: None)
    variant = SimpleNamespace(distribution="alpha", artefact=SimpleNamespace(sha256="0" * 64))
    return SimpleNamespace(packages={"alpha": SimpleNamespace(variants={"alpha": variant})})


def test_an_environment_that_is_used_again_is_not_an_unused_one(stack):
    store = SimpleNamespace(fetch=lambda variant: Path("alpha.whl"))
    complete = apply.environment(stack, [], store).parents[1] / ".complete"
    os.utime(complete, (0, 0))
    apply.environment(stack, [], store)
    assert complete.stat().st_mtime > 0
