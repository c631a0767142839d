"""What `status` says, whatever it finds."""

import json

import pytest


def test_status_of_every_package(on_target, target):
    result = on_target("status")
    assert result.out.splitlines() == [
        "pristine  alpha",
        f"absent    beta: beta is not installed in {target.site}",
        "stack 1.0: 1 absent, 1 pristine",
    ]
    on_target("apply")
    assert on_target("status").out.startswith("applied   alpha\n")


def test_status_of_damaged_state(on_target, target):
    on_target("apply")
    (target.info / "apply-patches/state.json").write_text("{")
    result = on_target("status")
    assert result.code == 0
    assert result.out.startswith("drifted   alpha: ")


def test_status_of_foreign_bytes(on_target, target):
    (target.site / "alpha/core.py").write_text("mine\n")
    assert on_target("status").out.startswith("drifted   alpha: alpha/core.py holds foreign bytes")


def test_status_where_nothing_is_installed(tool, project, tmp_path):
    (tmp_path / "empty").mkdir()
    result = tool("status", "--root", "empty", "--json")
    assert result.code == 0
    facts = json.loads(result.out)
    assert {found["condition"] for found in facts["packages"].values()} == {"absent"}


LOCK = "stack.lock.json"


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        (LOCK, "{", "stack.lock.json is not valid JSON"),
        ("stack.toml", "overlay = []", "is older than `packages.alpha` in stack.toml"),
    ],
)
@pytest.mark.parametrize("command", ["status", "apply"])
def test_status_where_the_lock_is_of_no_use(on_target, project, name, text, reason, command):
    """It says so of what it concerns: whether that is applied, only the lock could tell."""
    on_target(command)
    if name == LOCK:
        (project.stack / name).write_text(text)
    else:
        project.describe(["0001-bugfix-first.patch"], [])
    result = on_target("status")
    assert result.code == 0
    first, *others = result.out.splitlines()
    assert first.startswith(f"outdated  alpha: {project.stack / LOCK}")
    assert reason in first
    assert others[0].startswith("absent    beta: ")
    for other in ("apply", "check", "verify"):
        assert on_target(other).code == 3


def test_status_where_no_stack_can_be_read(on_target, project):
    (project.stack / "stack.toml").write_text("[")
    result = on_target("status")
    assert (result.code, result.out) == (0, "nothing is patched\n")
    assert "stack.toml is not valid TOML" in result.err


def test_status_of_what_is_patched_where_no_stack_can_be_read(on_target, project):
    on_target("apply")
    (project.stack / "stack.toml").write_text("[")
    result = on_target("status")
    assert (result.code, result.out) == (0, "outdated  alpha: patched by stack 1.0\n1 outdated\n")
    assert "stack.toml is not valid TOML" in result.err


def test_status_of_a_file_that_cannot_be_read(on_target, target):
    (target.site / "alpha/core.py").unlink()
    (target.site / "alpha/core.py").mkdir()
    result = on_target("status")
    assert (result.code, "drifted   alpha: " in result.out) == (0, True)
    assert "core.py cannot be read" in result.out
