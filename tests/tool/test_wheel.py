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
    return next(folder.glob("specrl-*.whl"))


def shipped(folder):
    """Files of a folder of the working tree, as git knows them."""
    listed = subprocess.run(
        ["git", "ls-files", folder], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return {f"specrl/distribution/{path}" for path in listed.stdout.split()}


def test_patches_and_overlay_are_in_the_wheel(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert shipped("patches") | shipped("overlay") <= names
    assert not any("__pycache__" in name for name in names)


def test_the_installed_command_finds_its_patches(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    # The wheel alone: what it needs is taken from the environment that runs the tests.
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True)
    dependencies = Path(pytest.__file__).parents[1]
    result = subprocess.run(
        [tmp_path / "env" / "bin" / "apply-patches", "status", "--json"],
        env={**os.environ, "PYTHONPATH": str(dependencies)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert "2026.09" in json.dumps(json.loads(result.stdout))
