"""How environments are resolved, with a stand-in for uv that needs no package index."""

import sys

import pytest

from ci import lock
from ci.environment import BuildError, environments
from testing.registry import stacks

HAS_LOCK = sorted(name for name, known in environments().items() if known.stack)
UV = f"""#!{sys.executable}
import sys
with open(sys.argv[-1], "w") as output:
    output.write("alpha==1 \\\\\\n    --hash=sha256:0\\nbeta==2 ; python_version > '3'\\n")
"""


@pytest.fixture
def uv(tmp_path, monkeypatch):
    """A uv that always finds alpha 1 and beta 2."""
    program = tmp_path / "uv"
    program.write_text(UV)
    program.chmod(0o755)
    monkeypatch.setattr(lock, "uv", lambda: program)
    return program


@pytest.fixture
def locked(tmp_path, monkeypatch, uv):
    """Return a function that gives the environment `dev` a lock."""

    def write(text):
        path = tmp_path / "dev.txt"
        path.write_text(text)
        known = {"dev": lock.Environment("dev", path)}
        monkeypatch.setattr(lock, "environments", lambda: known)
        return path

    return write


@pytest.mark.parametrize("name", HAS_LOCK)
def test_a_lock_is_resolved_from_its_own_stack(tmp_path, name):
    """Each release that the stack asks for is in the lock."""
    requirements, *_ = lock.requested(name, tmp_path)
    asked = {line for line in requirements.read_text().lower().splitlines() if "==" in line}
    assert asked <= {pin.lower() for pin in lock.pins(environments()[name].lock)}


def test_every_environment_of_every_stack_is_checked(uv, monkeypatch):
    monkeypatch.setattr(lock, "fault", lambda name: "")
    count = sum(len(stack.environments) for stack in stacks())
    assert len(lock.faults()) == count + 1


def test_a_lock_that_holds_what_is_asked_for(locked):
    locked("beta==2\nalpha==1 \\\n    --hash=sha256:another\n")
    assert lock.fault("dev") == ""


def test_a_lock_that_is_stale(locked):
    locked("alpha==1\nbeta==1\n")
    fault = "differs from its lock in beta==1, beta==2; write it anew with `ci/lock.py dev`"
    assert lock.fault("dev") == fault


def test_a_lock_is_written_as_uv_writes_it(locked):
    path = locked("")
    lock.write(lock.environments()["dev"])
    assert path.read_text().startswith("alpha==1 \\\n    --hash=")


def test_what_does_not_resolve_says_why(locked, uv):
    uv.write_text(f"#!{sys.executable}\nimport sys; sys.exit('no version of alpha fits')")
    locked("")
    assert lock.fault("dev") == "uv finds no releases that fit: no version of alpha fits"
    with pytest.raises(BuildError, match="no version of alpha fits"):
        lock.write(lock.environments()["dev"])


def test_a_fault_fails_the_check(capsys):
    assert lock.report({"a": "", "b": "differs"}) == 1
    assert capsys.readouterr().out == "a: resolves\nb: differs\n"
    assert lock.report({"a": ""}) == 0


def test_hardware_that_ci_lacks_is_resolved_for_its_own_platform(tmp_path):
    platforms = {
        f"{name}-{stack.name}": table["platform"]
        for stack in stacks()
        for name, table in stack.environments.items()
        if "platform" in table
    }
    assert platforms
    for name, platform in platforms.items():
        assert lock.requested(name, tmp_path)[-2:] == ["--python-platform", platform]


def test_a_first_lock(tmp_path, monkeypatch, uv):
    """As that of a new stack, whose folder for locks is not there either."""
    path = tmp_path / "environments" / "dev.txt"
    known = lock.Environment("dev", path)
    monkeypatch.setattr(lock, "environments", lambda: {"dev": known})
    assert lock.fault("dev") == "has no lock yet; write it with `ci/lock.py dev`"
    lock.write(known)
    assert lock.fault("dev") == ""
