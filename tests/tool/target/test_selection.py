"""Which stack and which packages a command acts on."""

import json

import pytest


def test_overlay_edited_and_not_refreshed(on_target, project):
    """What is installed is still what was reviewed; what would be installed is not."""
    on_target("apply")
    (project.root / "overlay/gamma/__init__.py").write_text("edited\n")
    assert on_target("status").out.startswith("applied   alpha\n")
    assert on_target("verify").code == 0
    for command in ("check", "apply"):
        result = on_target(command)
        assert result.code == 3
        assert "is not what stack.lock.json was made from; review it and run" in result.err


def test_packages_of_several_stacks_at_once(on_target, project):
    newer = project.root / "patches/2.0"
    newer.mkdir()
    (newer / "stack.toml").write_text(
        (project.stack / "stack.toml").read_text().replace("packages.beta", "packages.delta")
    )
    result = on_target("apply", "--package", "beta", "--package", "delta")
    assert result.code == 2
    assert result.err == "error: No stack holds all of beta, delta; name fewer.\n"


@pytest.mark.parametrize("command", ["apply", "check", "status", "verify", "revert"])
def test_unknown_names(on_target, command):
    for arguments in (["--package", "x"], ["--stack", "9"]):
        result = on_target(command, *arguments)
        assert result.code == 2
        assert result.err.startswith("error: No ")


def test_newest_stack_that_is_installed_is_chosen(on_target, project, tool):
    newer = project.root / "patches/2.0"
    newer.mkdir()
    text = (project.stack / "stack.toml").read_text().replace('version = "1.0"', 'version = "1.1"')
    (newer / "stack.toml").write_text(text)
    assert tool("refresh", "beta", "--stack", "2.0").code == 3
    text = text.replace('"0001-bugfix-first.patch", "0002-feature-second.patch"', "")
    (newer / "stack.toml").write_text(text)
    assert tool("refresh", "--stack", "2.0").code == 0
    assert on_target("status", "--json").code == 0
    assert json.loads(on_target("status", "--json").out)["stack"] == "1.0"
    assert on_target("apply", "--stack", "2.0").code == 4


def test_other_package_of_a_newer_stack_does_not_change_the_stack(
    on_target, project, tool, target, make, tmp_path
):
    """The stack does nothing to it: what is patched stays what is looked at."""
    on_target("apply")
    newer = project.root / "patches/2.0"
    newer.mkdir()
    text = (project.stack / "stack.toml").read_text()
    text = text.replace('version = "1.0"', 'version = "9.0"').replace('"2.0"', '"3.0"')
    text = text.replace('"0001-bugfix-first.patch", "0002-feature-second.patch"', "")
    (newer / "stack.toml").write_text(text)
    assert tool("refresh", "--stack", "2.0").code == 0
    make.unpack(make.wheel(tmp_path, "beta", "3.0", {"beta/__init__.py": ""}), target.site)
    assert on_target("status").out.startswith("applied   alpha\n")
    for command in ("verify", "apply", "check"):
        result = on_target(command)
        assert (result.code, "stack 1.0: " in result.out) == (0, True)
