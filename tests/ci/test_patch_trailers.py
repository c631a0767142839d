"""What patches name in their trailers is there: upstream's definitions, and tests of this tree."""

import ast
import functools

import pytest
from specroll.porting.definitions import Definition, named
from specroll.porting.release import AbsentError, Release, UnparsableError
from specroll.stack.archive import read_files
from specroll.stack.distribution import Distribution
from specroll.stack.registry import Stack
from specroll.stack.series import load_parts

from ci.proving import records
from ci.proving.patches import provable_patches
from testing.pinned_wheels import pinned_wheel
from testing.registry import ROOT, stacks

PACKAGES = [
    pytest.param(stack, package, id=f"{stack.name}-{package.name}")
    for stack in (Stack.load(Distribution(ROOT), each.name) for each in stacks())
    for package in stack.packages.values()
]


def patches(stack, package):
    return [patch for part in load_parts(stack, package).values() for patch in part.patches]


@functools.cache
def of_this_tree():
    """The tests of this tree, read as a release is."""
    return Release("this tree", lambda path: (ROOT / path).read_bytes())


def is_a_test(node_id):
    path, *names = node_id.partition("[")[0].split("::")
    if not (ROOT / path).is_file() or not names[-1].startswith("test_"):
        return False
    nodes = named(of_this_tree().source(path).tree.body, names)
    return any(isinstance(node, ast.FunctionDef) for node in nodes)


@pytest.mark.parametrize(("stack", "package"), PACKAGES)
def test_upstream_defines_what_a_patch_relies_on(stack, package):
    reliances = {name for patch in patches(stack, package) for name in patch.header.relies_on}
    files = read_files(pinned_wheel(package), {name.partition(":")[0] for name in reliances})
    release = Release(f"{package.name} of {stack.name}", files.get)
    failures = []
    for reliance in sorted(reliances):
        path, _, name = reliance.partition(":")
        try:
            Definition.find(release, path, name)
        except (AbsentError, UnparsableError) as error:
            failures.append(str(error))
    assert not failures


@pytest.mark.parametrize(("stack", "package"), PACKAGES)
def test_a_proof_is_a_test_of_this_tree(stack, package):
    proofs = {proof for patch in patches(stack, package) for proof in patch.header.proofs}
    assert proofs
    assert sorted(proof for proof in proofs if not is_a_test(proof)) == []


@pytest.mark.parametrize("stack", stacks(), ids=lambda stack: stack.name)
def test_what_failed_without_a_patch_is_recorded(stack):
    patches = provable_patches(stack)
    known = records.of_patches(records.read(stack.folder), patches)
    unproven = {patch.path for patch in patches} - known.keys()
    assert not unproven, f"run `python3 ci/proofs.py {stack.name}`"
    assert {patch.path: set(patch.proofs) for patch in patches} == {
        path: set(record.proofs) for path, record in known.items()
    }


def test_what_is_no_test_is_seen():
    here = "tests/ci/test_patch_trailers.py"
    assert is_a_test(f"{here}::test_what_is_no_test_is_seen")
    assert not is_a_test(f"{here}::patches")
    assert not is_a_test(f"{here}::test_that_was_renamed")
    assert not is_a_test("tests/ci/test_that_went.py::test_it")
