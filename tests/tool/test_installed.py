"""Finding packages by their files, and interpreters by their answer."""

import sys
from pathlib import Path

import pytest
from specrl import distribution, environment, installed, processes
from specrl.distribution import Distribution
from specrl.environment import Environment
from specrl.errors import RequestError
from specrl.stack import Stack


@pytest.fixture
def alpha(project):
    return Stack.load(Distribution(project.root), "1.0").packages["alpha"]


@pytest.fixture
def site(target):
    return Environment((target.site,), is_tree=False)


def test_finds_distribution_and_version(alpha, site, target):
    found = installed.find(site, alpha)
    assert found == installed.Installed("alpha", target.site, "alpha", "1.0", target.info)


def test_name_alone_is_not_enough(alpha, site, target):
    """A distribution may carry the name and none of the files."""
    (target.info / "RECORD").write_text("other/__init__.py,,\nalphabet/__init__.py,,\n")
    assert installed.find(site, alpha) is None
    assert "exists, but no installed alpha lists its files" in installed.absence(site, alpha)


def test_folder_without_metadata_is_absent_in_site_packages(alpha, site, target):
    target.info.rename(target.site / "alpha-1.0.gone")
    assert installed.find(site, alpha) is None


def test_unpacked_wheel_knows_its_version(tool, project, target):
    """It is a tree: its RECORD is left alone."""
    record = (target.info / "RECORD").read_bytes()
    assert tool("apply", "--root", str(target.site)).code == 0
    assert (target.info / "RECORD").read_bytes() == record
    assert (target.site / ".apply-patches-state/alpha/state.json").exists()


@pytest.mark.parametrize("text", ["[]", "{", '{"url": "file:///x"}'])
def test_other_direct_urls_are_no_checkouts(alpha, site, target, text):
    (target.info / "RECORD").write_text("")
    (target.info / "direct_url.json").write_text(text)
    assert installed.find(site, alpha) is None


def test_default_interpreter(monkeypatch, target):
    assert Path(sys.prefix) in environment.of_interpreter(None).home.parents
    monkeypatch.setenv("SPECRL_TARGET_PYTHON", target.python)
    assert environment.of_interpreter(None).home == target.site


@pytest.mark.parametrize("answer", ["exit 1", "echo nothing"])
def test_interpreter_that_does_not_answer(tmp_path, answer):
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\n{answer}\n")
    fake.chmod(0o755)
    with pytest.raises(RequestError, match="does not answer as a Python interpreter"):
        environment.of_interpreter(fake)


def test_no_such_interpreter(on_target, tool):
    result = tool("apply", "--python", "/nowhere/python")
    assert result.code == 2
    assert "/nowhere/python does not answer" in result.err


def test_interpreter_without_site_packages(tmp_path):
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho '[\"/nowhere/site-packages\"]'\n")
    fake.chmod(0o755)
    with pytest.raises(RequestError, match="has no site-packages"):
        environment.of_interpreter(fake)


def test_no_such_tree(tmp_path):
    with pytest.raises(RequestError, match="is not a folder"):
        environment.of_tree(tmp_path / "nowhere")


def test_distribution_of_a_checkout():
    assert (distribution.find().root / "patches").is_dir()


def test_distribution_inside_the_package(tmp_path, monkeypatch):
    inside = tmp_path / "specrl/distribution"
    (inside / "patches/1.0").mkdir(parents=True)
    (inside / "patches/1.0/stack.toml").write_text("")
    monkeypatch.setattr(distribution, "__file__", str(tmp_path / "specrl/distribution.py"))
    assert distribution.find().root == inside


def test_no_distribution(tmp_path):
    with pytest.raises(RequestError, match=r"No patches/<stack>/stack.toml in"):
        distribution.find(tmp_path)


def test_processes_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "1").mkdir()
    monkeypatch.setattr(processes, "PROCESSES", tmp_path)
    assert processes.using(tmp_path) == []
