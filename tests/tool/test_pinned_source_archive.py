"""The real patch sets on the source archives that stacks pin, which are never built."""

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from specroll.stack import archive
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.registry import Stack, Variant

from testing.registry import ROOT, stacks


@dataclass(frozen=True)
class Pin:
    """A variant without a wheel, and where its archive lies."""

    stack: str
    package: str
    variant: Variant
    path: Path


PINNED = [
    pytest.param((stack.name, package.name, variant), id=variant.artefact.name)
    for stack in (Stack.load(Distribution(ROOT), each.name) for each in stacks())
    for package in stack.packages.values()
    for variant in package.variants.values()
    if archive.is_source(variant.artefact.name)
]


@pytest.fixture(scope="module", params=PINNED)
def pin(request):
    """Fetched by its hash, into the cache of all tests."""
    stack, package, variant = request.param
    return Pin(stack, package, variant, Store.beside(None).fetch(variant))


@pytest.fixture
def on_tree(tool, pin):
    """Run a command on a tree."""

    def run(command, root, *arguments):
        place = ("--stack", pin.stack, "--package", pin.package, "--root", str(root))
        return tool("--distribution", str(ROOT), command, *place, *arguments)

    return run


def apply_verify_apply_revert(on_tree, root, make):
    """Return the state of the tree when it was patched; afterwards it is as before."""
    before = make.snapshot(root)
    applied = on_tree("apply", root)
    assert applied.code == 0, applied.err
    assert on_tree("verify", root).code == 0
    patched = make.snapshot(root)
    assert patched != before
    assert on_tree("apply", root).out.endswith("nothing to do\n")
    assert make.snapshot(root) == patched
    (state,) = [data for path, data in patched.items() if path.endswith("/state.json")]
    assert on_tree("revert", root).code == 0
    assert make.snapshot(root) == before
    return json.loads(state)


def test_unpacked_archive(pin, on_tree, tmp_path, make):
    with tarfile.open(pin.path) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    (root,) = (tmp_path / "unpacked").iterdir()
    state = apply_verify_apply_revert(on_tree, root, make)
    assert state["distribution"] == pin.variant.distribution


def test_installed_version_is_the_pinned_one(pin, on_tree, tmp_path, make):
    """As pip leaves the package in site-packages, but for what its build compiles."""
    files = {"METADATA": archive.read_files(pin.path, ["PKG-INFO"])["PKG-INFO"]}
    name = pin.variant.artefact.name.removesuffix(archive.SOURCE_SUFFIX)
    files = {f"{name}.dist-info/{path}": data for path, data in files.items()}
    files |= dict(archive.text_files(pin.path, pin.package))
    lines = [make.record_line(path, data) for path, data in files.items()]
    record = f"{name}.dist-info/RECORD"
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    for path, data in files.items():
        (tmp_path / "site" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / path).write_bytes(data)
    state = apply_verify_apply_revert(on_tree, tmp_path / "site", make)
    found = (state["distribution"], state["version"])
    assert found == (pin.variant.distribution, pin.variant.version)
