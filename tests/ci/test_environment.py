"""How environments are found and built."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest

from ci import environment, patched, unused_environments
from ci.environment import Environment
from ci.python import prepared_interpreter
from ci.unused_environments import UNUSED_DAYS, remove_unused
from testing import registry
from testing.registry import ROOT, Stack, default_stack


@pytest.fixture
def lock(tmp_path, monkeypatch):
    """A lock of its own for the environment `dev`."""
    path = tmp_path / "dev.txt"
    path.write_text("a==1")
    monkeypatch.setattr(environment, "environments", lambda: {"dev": Environment("dev", path)})
    return path


@pytest.fixture
def built(monkeypatch):
    """Folders that were built, without building them."""
    folders = []

    def build(environment):
        environment.folder.mkdir(parents=True)
        folders.append(environment.folder)

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
    assert locks == {known.lock for known in environment.environments().values() if known.stack}


def test_a_name_without_a_stack_means_the_default_one():
    assert environment.find("cpu") == environment.find(f"cpu-{default_stack().name}")
    assert {"cpu", f"cpu-{default_stack().name}", "dev"} <= set(environment.names())
    assert all(environment.find(name) for name in environment.names())


def test_a_name_that_the_default_stack_lacks_means_the_newest_one(tmp_path, monkeypatch):
    tables = {
        "alpha": {"environments": {"npu": {"lock": "npu.txt"}}},
        "beta": {"environments": {"npu": {"lock": "npu.txt"}}},
        "gamma": {"environments": {"npu": {}}, "default": True},
    }
    known = tuple(Stack(name, tmp_path / name, table) for name, table in tables.items())
    monkeypatch.setattr(registry, "stacks", lambda: known)
    monkeypatch.setattr(environment, "stacks", lambda: known)
    assert environment.find("npu") == environment.find("npu-beta")


def test_an_unknown_environment_is_refused():
    command = [sys.executable, environment.__file__, "gpu"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2
    assert "invalid choice: 'gpu'" in result.stderr


def test_an_environment_that_was_not_completed_is_built_again(cache, lock, monkeypatch):
    attempts = []

    def fail(environment_to_build):
        attempts.append(environment_to_build)
        raise environment.BuildError("no network")

    monkeypatch.setattr(environment, "build", fail)
    for _ in range(2):
        with pytest.raises(environment.BuildError):
            environment.interpreter("dev")
    assert len(attempts) == 2


PROGRAMS = [
    ("ci/environment.py", ["dev"]),
    ("ci/python.py", ["dev"]),
    ("ci/npu_emulator.py", ["emulated_npu"]),
    ("ci/demo", []),
    ("ci/test", []),
]


@pytest.mark.parametrize(("program", "arguments"), PROGRAMS, ids=[name for name, _ in PROGRAMS])
def test_a_cache_that_cannot_be_written_is_one_sentence(program, arguments, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    impossible = tmp_path / "file" / "cache"
    monkeypatch.setenv("SPECROLL_CACHE", str(impossible))
    command = [sys.executable, ROOT / program, *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"{program}: cannot write to {impossible / 'environments'} (Not a directory); "
        "make it writable, or name another cache with SPECROLL_CACHE\n"
    )


@pytest.mark.parametrize("command", [["/no/such/program"], [sys.executable, "-c", "exit(3)"]])
def test_a_step_that_fails_is_named(command):
    with pytest.raises(environment.BuildError, match=f"`{command[0]}.*` failed: "):
        environment.run(*command)


@pytest.fixture
def unpatchable(tmp_path, monkeypatch):
    """An environment without any of the packages."""
    venv.create(tmp_path / "env")
    (tmp_path / "env" / ".complete").touch()
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

    assert is_used(unpatchable.parents[1])


def may_lock(folder, how):
    """Say whether a process gets the lock of an environment."""
    with (folder / ".in-use").open() as user:
        try:
            fcntl.flock(user, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def is_used(folder):
    """Say whether somebody uses an environment, beside whom others may."""
    return may_lock(folder, fcntl.LOCK_SH) and not may_lock(folder, fcntl.LOCK_EX)


def test_an_environment_without_patches_is_not_removed_while_somebody_uses_it(cache, lock, built):
    run = prepared_interpreter("dev")
    assert run == built[0] / "bin" / "python"
    assert is_used(built[0])


def test_an_environment_that_is_removed_before_it_is_used_is_built_again(
    cache, lock, built, monkeypatch
):
    real = fcntl.flock

    def remove_first(file, how):
        """Another process removes the environment just before this one holds its lock."""
        if how == fcntl.LOCK_SH:
            monkeypatch.setattr(patched.fcntl, "flock", real)
            shutil.rmtree(built[0])
        real(file, how)

    monkeypatch.setattr(patched.fcntl, "flock", remove_first)
    patched.in_use("dev")
    assert built == [built[0]] * 2
    assert is_used(built[0])


def test_modules_are_compiled_once():
    """Whatever the caller's shell says: environments are built without bytecode."""
    program = "import sys; print(sys.dont_write_bytecode)"
    command = (sys.executable, "ci/python.py", "dev", "-c", program)
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    assert subprocess.check_output(command, cwd=ROOT, env=variables) == b"False\n"


@pytest.fixture
def make_environment(tmp_path):
    """Return a function that makes an environment's folder, used so many days ago."""

    def make(name, days):
        folder = tmp_path / "environments" / name
        folder.mkdir(parents=True)
        (folder / ".complete").touch()
        used = time.time() - days * 86_400
        os.utime(folder / ".complete", (used, used))
        return folder

    return make


def test_only_old_environments_that_nothing_needs_are_removed(make_environment, capsys):
    long_ago = UNUSED_DAYS + 1
    old = make_environment(f"cpu-{'0' * 16}", long_ago)
    wanted = make_environment(f"cpu-{'1' * 16}", long_ago)
    recent = make_environment(f"cpu-{'2' * 16}", UNUSED_DAYS - 1)
    somebody_elses = make_environment("my environment", long_ago)
    used = make_environment(f"cpu-{'3' * 16}", long_ago)
    with (used / ".in-use").open("w") as user:
        fcntl.flock(user, fcntl.LOCK_SH)
        remove_unused(old.parent, keep={wanted})
    assert sorted(old.parent.iterdir()) == sorted([wanted, recent, used, somebody_elses])
    assert f"Removing {old}, unused for {UNUSED_DAYS} days" in capsys.readouterr().err


def test_an_environment_that_was_used_before_its_lock_was_free_stays(make_environment, monkeypatch):
    old = make_environment(f"cpu-{'0' * 16}", UNUSED_DAYS + 1)
    real = fcntl.flock

    def use_first(file, how):
        (old / ".complete").touch()
        real(file, how)

    monkeypatch.setattr(unused_environments.fcntl, "flock", use_first)
    remove_unused(old.parent, keep=set())
    assert (old / ".complete").exists()


def test_an_environment_is_locked_until_it_is_removed(make_environment, monkeypatch):
    old = make_environment(f"cpu-{'0' * 16}", UNUSED_DAYS + 1)
    seen = []
    monkeypatch.setattr(
        unused_environments.shutil,
        "rmtree",
        lambda folder, **_: seen.append(may_lock(folder, fcntl.LOCK_SH)),
    )
    remove_unused(old.parent, keep=set())
    assert seen == [False]
