"""The wheel of the project: it carries patches and overlay, and its command needs no clone."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", folder, ROOT], check=True)
    return next(folder.glob("specroll-*.whl"))


def shipped(folder):
    """Files of a folder of the working tree, as git knows them."""
    listed = subprocess.run(
        ["git", "ls-files", folder], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return {f"specroll/distribution/{path}" for path in listed.stdout.split()}


def test_patches_and_overlay_are_in_the_wheel(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert shipped("patches") | shipped("overlay") <= names
    assert not any("__pycache__" in name for name in names)


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """An environment that holds the wheel and nothing that it needs."""
    folder = tmp_path_factory.mktemp("installed") / "env"
    venv.create(folder, with_pip=True)
    install = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--no-deps", wheel]
    subprocess.run(install, check=True)
    return folder


@pytest.fixture
def installed(environment):
    """Run the installed command with what it needs from the environment that runs the tests."""

    def run(*arguments):
        return subprocess.run(
            [environment / "bin/apply-patches", *arguments],
            env={**os.environ, "PYTHONPATH": str(Path(pytest.__file__).parents[1])},
            capture_output=True,
            text=True,
        )

    return run


def test_the_installed_command_finds_its_patches(installed):
    result = installed("status", "--json")
    assert result.returncode == 0, result.stderr
    assert "2026.09" in json.dumps(json.loads(result.stdout))


@pytest.mark.parametrize(
    "command", [("versions", "--write"), ("versions", "--check"), ("edit", "vllm"), ("refresh",)]
)
def test_the_installed_patches_are_not_for_editing(installed, environment, command):
    before = sorted(environment.rglob("specroll/distribution/**/*"))
    result = installed(*command)
    place = next(environment.glob("lib/python3*/site-packages/specroll/distribution")).resolve()
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: {place} was installed with the tool and is not for")
    assert "run this in a checkout, or name one with --distribution" in result.stderr
    assert sorted(environment.rglob("specroll/distribution/**/*")) == before


def test_a_checkout_can_be_named_to_the_installed_command(installed):
    result = installed("--distribution", str(ROOT), "versions", "--check")
    assert result.returncode == 0, result.stderr
