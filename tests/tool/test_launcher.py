"""The launcher: from a bare clone, with and without the packages it needs."""

import ast
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import apply_patches
import pytest
from specroll import cli

LAUNCHER = Path(apply_patches.__file__)


@pytest.fixture
def launch(tmp_path):
    def run(python, *arguments, **environment):
        return subprocess.run(
            [python, str(LAUNCHER), *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "SPECROLL_CACHE": str(tmp_path / "cache"), **environment},
        )

    return run


def test_runs_where_its_packages_are(launch):
    result = launch(sys.executable, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert "Usage: apply-patches" in result.stdout


def test_dependencies_are_those_of_the_project():
    project = (LAUNCHER.parents[1] / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[\n(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    assert re.findall(r'^ +"(.*)",$', listed[1], re.MULTILINE) == list(apply_patches.DEPENDENCIES)


def test_which_versions_will_do(tmp_path, monkeypatch, make):
    """An old click is there, and cannot run the tool."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    for version, enough in [("7.1.2", False), ("8.1.0rc1", True), ("8.1", True), ("10.0", True)]:
        wheel = make.wheel(tmp_path, "click", version, {})
        make.unpack(wheel, tmp_path)
        assert apply_patches._is_met("click>=8.1") == enough
        shutil.rmtree(tmp_path / f"click-{version}.dist-info")
        assert not apply_patches._is_met("click>=8.1")
    (tmp_path / "click-9.dist-info").mkdir()
    assert not apply_patches._is_met("click>=8.1")


@pytest.mark.parametrize(("version", "needed"), [((3, 10), True), ((3, 11), False)])
def test_what_a_python_needs(monkeypatch, version, needed):
    monkeypatch.setattr(sys, "version_info", version)
    assert ("tomli>=2.0" in apply_patches._requirements()) == needed
    assert "click>=8.1" in apply_patches._requirements()


def test_old_package_is_not_used(launch, target, make, tmp_path):
    """Not a traceback, but the private environment, which cannot be made without an index."""
    for name in ("click", "filelock", "gitpython", "packaging", "tomli", "tqdm", "unidiff"):
        module = "git" if name == "gitpython" else name
        wheel = make.wheel(tmp_path, name, "0.1", {f"{module}/__init__.py": ""})
        make.unpack(wheel, target.site)
    result = launch(target.python, "status", PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    assert result.returncode == 6
    assert "or install click>=8.1, filelock>=3.25, " in result.stderr
    assert "Traceback" not in result.stderr


def test_no_package_index(launch, target, tmp_path):
    result = launch(target.python, "status", PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    assert result.returncode == 6
    *_, error = result.stderr.splitlines()
    assert error.startswith(f"error: {tmp_path / 'cache' / 'tool-'}")
    assert "Traceback" not in result.stderr
    assert not list((tmp_path / "cache").iterdir())


@pytest.fixture
def private(target, tmp_path):
    """Make a private environment whose Python starts another one."""

    def make(python):
        code = (
            f"import sys; sys.path.insert(0, {str(LAUNCHER.parent)!r}); import apply_patches;"
            "apply_patches._build = lambda environment: environment.mkdir(parents=True);"
            "print(apply_patches._private_environment())"
        )
        cache = {**os.environ, "SPECROLL_CACHE": str(tmp_path / "cache")}
        answer = subprocess.run([target.python, "-c", code], env=cache, stdout=subprocess.PIPE)
        script = Path(answer.stdout.decode().strip()) / "bin/python"
        script.parent.mkdir()
        script.write_text(f'#!/bin/sh\nexec {python} "$@"\n')
        script.chmod(0o755)
        return script

    return make


def test_restarts_in_its_private_environment(launch, private, target, project):
    """It works on the interpreter that it was started with."""
    private(sys.executable)
    result = launch(target.python, "status")
    assert result.stderr == ""
    assert result.stdout.startswith("pristine  alpha")


@pytest.mark.parametrize("damage", [lambda script: None, lambda script: script.unlink()])
def test_damaged_private_environment(launch, private, target, damage):
    damage(private(target.python))
    result = launch(target.python, "status")
    assert result.returncode == 6
    assert "is damaged; delete it" in result.stderr


def test_another_run_may_have_built_it(tmp_path, monkeypatch):
    environment = tmp_path / "cache/tool-x"

    def race(*_, **__):
        (environment / "bin").mkdir(parents=True)

    monkeypatch.setattr(apply_patches.venv.EnvBuilder, "create", race)
    monkeypatch.setattr(apply_patches.subprocess, "run", lambda *_, **__: None)
    apply_patches._build(environment)
    assert [path.name for path in environment.parent.iterdir()] == ["tool-x"]


def test_old_python(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 6))
    with pytest.raises(SystemExit, match="is older than Python"):
        runpy.run_path(str(LAUNCHER))


def test_old_python_can_read_so_far():
    """Python 3.6 knows neither newer syntax nor `annotations` from the future."""
    tree = ast.parse(LAUNCHER.read_text(), feature_version=(3, 6))
    imports_before, check = tree.body[1:3]
    assert ast.unparse(imports_before) == "import sys"
    assert isinstance(check, ast.If)


def test_user_without_home(monkeypatch, capsys, tool, project):
    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("SPECROLL_CACHE")
    monkeypatch.setattr(Path, "home", home)
    with pytest.raises(SystemExit, match="6"):
        apply_patches._private_environment()
    assert "name a cache with SPECROLL_CACHE" in capsys.readouterr().err
    result = tool("lint")
    assert (result.code, "name a cache with SPECROLL_CACHE" in result.err) == (6, True)


def test_interrupted_while_it_installs(monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(apply_patches, "_is_complete", lambda: False)
    monkeypatch.setattr(apply_patches, "_private_environment", interrupt)
    with pytest.raises(SystemExit, match="130"):
        apply_patches.main()


def test_console_script_is_the_same_tool(monkeypatch):
    called = []
    monkeypatch.setattr(cli, "main", lambda: called.append(True))
    apply_patches.main()
    assert called
