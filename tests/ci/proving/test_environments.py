"""In which environment a proof runs, and how it is prepared."""

import os
import sys
from pathlib import Path

import pytest

from ci.environment import BuildError, Environment, find
from ci.proving import environments as proof_environments
from ci.proving.environments import environment_of, lock_missing, prepared, without
from ci.proving.patches import ProvablePatch, provable_patches
from testing.registry import Stack, stacks

PATCH = ProvablePatch("alpha/0001-bugfix-a.patch", "0" * 64, ())
LOCKED = {"lock": "it.txt"}


@pytest.fixture
def make_stack(tmp_path):
    """Return a function that makes a stack of alpha with these environments and tests."""

    def make(environments, tests=None):
        variants = {"alpha": {}, "alpha-cpu==1.0.post1": {}}
        packages = {"alpha": {"version": "1.0", "variants": variants}}
        ci = {"tests": tests or {}}
        table = {"packages": packages, "environments": environments, "ci": ci}
        return Stack("1.0", tmp_path, table)

    return make


def test_it_is_the_one_that_runs_the_test(make_stack):
    both = {"first": {**LOCKED, "requirements": ["alpha==1.0"]}}
    both["second"] = {**LOCKED, "requirements": ["alpha-cpu==1.0.post1"]}
    stack = make_stack(both, {"first": {"it": ["tests/a.py"]}, "second": {"it": ["tests/b"]}})
    assert environment_of(stack, PATCH, "tests/b/t.py::test") == "second-1.0"
    assert environment_of(stack, PATCH, "tests/a.py::test") == "first-1.0"
    assert environment_of(stack, PATCH, "tests/bc.py::test") == "first-1.0"


def test_an_environment_without_the_package_or_a_lock_proves_nothing(make_stack):
    others = {
        "none": {**LOCKED, "requirements": ["beta==1.0"]},
        "hardware": {"requirements": ["alpha==1.0"]},
    }
    tests = {"none": {"it": ["tests"]}, "hardware": {"it": ["tests"]}}
    with pytest.raises(BuildError, match=r"no environment of stack 1\.0 with a lock has alpha"):
        environment_of(make_stack(others, tests), PATCH, "tests/t.py::test")
    fitting = {"last": {**LOCKED, "requirements": ["alpha==1.0"]}}
    assert environment_of(make_stack(others | fitting, tests), PATCH, "tests/t.py::test") == (
        "last-1.0"
    )


@pytest.mark.parametrize("stack", stacks(), ids=lambda stack: stack.name)
def test_every_proof_of_this_tree_has_one(stack):
    for patch in provable_patches(stack):
        for proof in patch.proofs:
            environment = find(environment_of(stack, patch, proof))
            assert environment.stack == stack


def test_locks_that_are_missing_are_written(make_stack, tmp_path, monkeypatch):
    stack = make_stack({})
    (tmp_path / "there.txt").touch()
    known = {
        "there-1.0": Environment("there-1.0", tmp_path / "there.txt", stack),
        "new-1.0": Environment("new-1.0", tmp_path / "new.txt", stack),
        "dev": Environment("dev", tmp_path / "dev.txt"),
    }
    monkeypatch.setattr(proof_environments, "environments", lambda: known)
    written = []
    monkeypatch.setattr(proof_environments.lock, "write", written.append)
    lock_missing(stack)
    assert written == [known["new-1.0"]]


def test_an_emulated_device_is_found_by_its_processes_alone(monkeypatch):
    python = Path("/env/bin/python")
    monkeypatch.setattr(proof_environments, "patched_interpreter", lambda name: python)
    monkeypatch.setattr(
        proof_environments.npu_emulator, "emulated_interpreter", lambda name: python
    )
    before = os.environ.get("PYTHONPATH")
    assert "npu_emulator" in prepared("emulated_npu")[1]["PYTHONPATH"]
    assert prepared("cpu") == (python, {})
    assert os.environ.get("PYTHONPATH") == before


def test_an_environment_without_a_patch_that_cannot_be_made(monkeypatch, cache):
    monkeypatch.setattr(proof_environments, "interpreter", lambda name: Path(sys.executable))
    with (
        pytest.raises(BuildError, match=r"no environment without alpha/0001-bugfix-a\.patch"),
        without(PATCH, Path(sys.executable)),
    ):
        pass
    assert list((cache / "proofs").iterdir()) == []


def test_it_goes_when_it_is_no_longer_needed(monkeypatch, cache, tmp_path):
    program = tmp_path / "dev"
    program.write_text(
        f'#!/bin/sh\nmkdir "$5"\necho {PATCH.path}\necho alpha/0002-feature-b.patch\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(proof_environments, "interpreter", lambda name: program)
    with without(PATCH, Path("/env/bin/python")) as (python, missing):
        assert python.parents[1].is_dir()
        assert python.name == "python"
        assert missing == [PATCH.path, "alpha/0002-feature-b.patch"]
    assert list((cache / "proofs").iterdir()) == []
