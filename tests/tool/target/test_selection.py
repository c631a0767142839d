"""Which stack and which packages a command acts on."""

import json
import shutil

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


@pytest.fixture
def later(project, make, tmp_path):
    """A wheel of one more version that the series serves."""
    wheel = make.wheel(tmp_path, "alpha", "1.0.post1", make.later)
    project.pin_further(wheel, "1.0.post1")
    return wheel


def test_further_version_is_known_by_its_metadata(tool, project, later, make, tmp_path):
    root = tmp_path / "unpacked"
    make.unpack(later, root)
    before = make.snapshot(root)
    result = tool("apply", "--root", str(root), "--json")
    facts = json.loads(result.out)["packages"]["alpha"]
    assert (facts["distribution"], facts["version"]) == ("alpha", "1.0.post1")
    state = json.loads((root / "alpha-1.0.post1.dist-info/apply-patches/state.json").read_text())
    assert (state["distribution"], state["version"]) == ("alpha", "1.0.post1")
    patched = make.patched["alpha/core.py"] + "# later\n"
    assert (root / "alpha/core.py").read_text() == patched
    assert tool("verify", "--root", str(root)).code == 0
    assert tool("apply", "--root", str(root)).out.endswith("nothing to do\n")
    assert tool("status", "--root", str(root)).out.startswith("applied   alpha\n")
    assert tool("revert", "--root", str(root)).code == 0
    assert make.snapshot(root) == before


def test_first_version_stays_what_it_was(on_target, later, target, make):
    assert on_target("apply").code == 0
    assert (target.site / "alpha/core.py").read_text() == make.patched["alpha/core.py"]


@pytest.mark.parametrize("version", ["1.0", "1.0.post1"])
def test_bytes_of_another_version_are_foreign(tool, project, later, make, tmp_path, version):
    wheel = later if version == "1.0" else project.wheel
    make.unpack(wheel, tmp_path / "unpacked")
    (info,) = (tmp_path / "unpacked").glob("*.dist-info")
    (info / "METADATA").write_text(f"Name: alpha\nVersion: {version}\n")
    result = tool("apply", "--root", str(tmp_path / "unpacked"))
    assert result.code == 5
    assert "alpha/core.py holds foreign bytes" in result.err


@pytest.mark.parametrize("is_bare", [True, False])
def test_tree_of_a_further_version_is_known_by_its_files(
    tool, project, later, make, tmp_path, is_bare
):
    root = tmp_path / "unpacked"
    make.unpack(later, root)
    (info,) = root.glob("*.dist-info")
    if is_bare:
        shutil.rmtree(info)
    else:
        (info / "METADATA").write_text("Name: alpha\n")
    assert tool("apply", "--root", str(root)).code == 0
    assert (root / "alpha/core.py").read_text().endswith("# later\n")
    assert tool("verify", "--root", str(root)).code == 0
    assert tool("revert", "--root", str(root)).code == 0
    assert (root / "alpha/core.py").read_text() == make.later["alpha/core.py"]


def test_version_that_is_not_pinned_is_told_those_that_are(tool, project, later, make, tmp_path):
    make.unpack(make.wheel(tmp_path, "alpha", "1.1", make.later), tmp_path / "unpacked")
    for command in ("apply", "status"):
        result = tool(command, "--root", str(tmp_path / "unpacked"))
        assert (
            "is alpha 1.1, stack 1.0 pins 1.0 and 1.0.post1; install alpha==1.0 or"
            " alpha==1.0.post1, name another --stack"
        ) in f"{result.out}{result.err}"
    assert tool("apply", "--root", str(tmp_path / "unpacked")).code == 4


def test_names_of_absent_distributions_are_told_once(tool, project, later, tmp_path):
    (tmp_path / "empty").mkdir()
    result = tool("apply", "--root", str(tmp_path / "empty"))
    assert f"alpha is not installed in {tmp_path / 'empty'}" in result.err


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
