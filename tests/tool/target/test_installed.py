"""Finding packages by their files, and interpreters by their answer."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from specroll.errors import RequestError
from specroll.stack.distribution import Distribution
from specroll.stack.registry import Stack
from specroll.target import environment, installed
from specroll.target.environment import Environment


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


def test_folder_of_an_environment_is_that_environment(tool, project, target, make):
    """However it is named: there is one state, and RECORD stays right."""
    before = make.snapshot(target.site)
    by_root, by_python = ("--root", str(target.site)), ("--python", target.python)
    for one, other in ((by_root, by_python), (by_python, by_root)):
        assert tool("apply", *one).code == 0
        assert tool("apply", *other).out.endswith("stack 1.0: nothing to do\n")
        assert tool("verify", *other).code == 0
        assert tool("status", *other).out.startswith("applied   alpha\n")
        assert (target.info / "apply-patches/state.json").exists()
        assert not (target.site / ".apply-patches-state").exists()
        assert tool("revert", *other).code == 0
        assert make.snapshot(target.site) == before


def test_interpreter_in_the_working_folder_is_not_the_one_on_the_path(
    tool, project, target, monkeypatch
):
    monkeypatch.chdir(target.root / "bin")
    assert tool("status", "--python", "./python").out.startswith("pristine  alpha\n")


def test_interpreter_without_a_name_is_no_other_one(tool, project):
    """As where the variable of a shell script is not set."""
    assert tool("status", "--python", "").code == 2


def test_interpreter_that_prints_at_its_start_and_its_end(on_target, target):
    """As environment modules and path files do."""
    noise = "import atexit; print('[loaded]', end=''); atexit.register(print, '[unloaded]')\n"
    (target.site / "noise.pth").write_text(noise)
    assert on_target("status").out.startswith("pristine  alpha\n")


def test_unpacked_wheel_keeps_its_record_right(tool, project, tmp_path, make):
    root = tmp_path / "alpha-1.0"
    project.install(root)
    before = make.snapshot(root)
    assert tool("apply", "--root", str(root)).code == 0
    record = (root / "alpha-1.0.dist-info/RECORD").read_text().splitlines()
    assert make.record_line("alpha/core.py", make.patched["alpha/core.py"].encode()) in record
    assert tool("revert", "--root", str(root)).code == 0
    assert make.snapshot(root) == before


def test_wrong_version_of_an_unpacked_wheel(tool, project, tmp_path, make):
    wheel = make.wheel(tmp_path, "alpha", "1.1", make.upstream)
    make.unpack(wheel, tmp_path / "alpha-1.1")
    result = tool("apply", "--root", str(tmp_path / "alpha-1.1"))
    assert result.code == 4
    assert "is alpha 1.1, stack 1.0 pins 1.0" in result.err


def beside_the_environment(target, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))


def by_a_path_file(target, tmp_path, monkeypatch):
    (target.site / "more.pth").write_text(f"{tmp_path / 'elsewhere'}\n")


@pytest.mark.parametrize("add", [beside_the_environment, by_a_path_file])
def test_folder_of_any_name_on_the_path(
    on_target, target, tmp_path, monkeypatch, make, project, add
):
    """As `pip install --target` fills it."""
    shutil.rmtree(target.site / "alpha")
    shutil.rmtree(target.info)
    project.install(tmp_path / "elsewhere")
    before = make.snapshot(tmp_path / "elsewhere"), make.snapshot(target.site)
    assert on_target("status").out.startswith("absent    alpha: alpha is not installed in")
    add(target, tmp_path, monkeypatch)
    assert on_target("apply").code == 0
    assert (tmp_path / "elsewhere/alpha/core.py").read_text() == make.patched["alpha/core.py"]
    assert on_target("verify").code == 0
    assert on_target("revert").code == 0
    (target.site / "more.pth").unlink(missing_ok=True)
    assert (make.snapshot(tmp_path / "elsewhere"), make.snapshot(target.site)) == before


def test_asking_writes_nothing(on_target, target, monkeypatch):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    (target.site / "hook.py").write_text("")
    (target.site / "hook.pth").write_text("import hook\n")
    before = sorted(target.site.rglob("*"))
    for command in ("status", "check", "verify"):
        on_target(command)
    assert sorted(target.site.rglob("*")) == before


def test_folder_that_the_tool_is_started_in_is_not_searched(on_target, project, tmp_path):
    project.install(tmp_path / "here")
    os.chdir(tmp_path / "here")
    assert str(tmp_path / "here") not in on_target("status", "--json").out


def test_package_that_is_a_link_is_refused(on_target, target, tmp_path, make):
    (target.site / "alpha").rename(tmp_path / "alpha")
    (target.site / "alpha").symlink_to(tmp_path / "alpha")
    before = make.snapshot(tmp_path / "alpha"), make.snapshot(target.site)
    result = on_target("apply")
    assert result.code == 5
    link = target.site / "alpha"
    assert f"{link} is outside of {target.site} through a symbolic link" in result.err
    assert (make.snapshot(tmp_path / "alpha"), make.snapshot(target.site)) == before


@pytest.mark.parametrize("text", ["[]", "{", '{"url": "file:///x"}'])
def test_other_direct_urls_are_no_checkouts(alpha, site, target, text):
    (target.info / "RECORD").write_text("")
    (target.info / "direct_url.json").write_text(text)
    assert installed.find(site, alpha) is None


@pytest.mark.parametrize("name", ["alpha/__init__.py", "alpha.py"])
def test_package_that_is_not_imported(on_target, target, tmp_path, monkeypatch, name):
    """A checkout on PYTHONPATH comes first: to patch what lies behind it would do nothing."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "checkout"))
    (tmp_path / "checkout/alpha").mkdir(parents=True)
    assert on_target("apply").code == 0
    (tmp_path / "checkout" / name).write_text("")
    for command in ("apply", "check", "verify"):
        result = on_target(command)
        assert result.code == 4
        assert f"{tmp_path / 'checkout' / name} is imported instead of {target.site}" in result.err
    assert "is imported instead of" in on_target("status").out
    assert on_target("revert").out.endswith("alpha: as installed\n")


TOO_LONG = "x" * 300  # as little to be read as another user's folder, for root too


def test_checkout_that_cannot_be_looked_into(on_target, target):
    info = target.site / "colleague-1.0.dist-info"
    info.mkdir()
    text = '{"url": "file:///home/' + TOO_LONG + '", "dir_info": {"editable": true}}'
    (info / "direct_url.json").write_text(text)
    for command in ("status", "apply", "verify", "revert"):
        assert on_target(command).code == 0


def test_folder_on_the_path_that_cannot_be_looked_into(on_target, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"/home/{TOO_LONG}/site-packages")
    assert on_target("status").out.startswith("pristine  alpha\n")


def test_default_interpreter(monkeypatch, target):
    assert Path(sys.prefix) in environment.of_interpreter(None).site.parents
    monkeypatch.setenv("SPECROLL_TARGET_PYTHON", target.python)
    assert environment.of_interpreter(None).site == target.site


@pytest.mark.parametrize(
    "answer", ["exit 1", "echo nothing", "echo sys.path = 1", "echo 'sys.path = [1]'"]
)
def test_interpreter_that_does_not_answer(tmp_path, answer):
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\n{answer}\n")
    fake.chmod(0o755)
    with pytest.raises(RequestError, match="does not answer as a Python interpreter"):
        environment.of_interpreter(str(fake))


def test_no_such_interpreter(on_target, tool):
    result = tool("apply", "--python", "/nowhere/python")
    assert result.code == 2
    assert "/nowhere/python does not answer" in result.err


def test_interpreter_without_site_packages(tmp_path):
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho 'sys.path = [\"/nowhere/site-packages\"]'\n")
    fake.chmod(0o755)
    with pytest.raises(RequestError, match="has no site-packages"):
        environment.of_interpreter(str(fake))


def test_no_such_tree(tmp_path):
    with pytest.raises(RequestError, match="is not a folder"):
        environment.of_tree(tmp_path / "nowhere")
