"""The patches that name proofs."""

import hashlib

import pytest
from specroll.stack.distribution import Distribution
from specroll.stack.registry import Stack as PatchedStack
from specroll.stack.series import load_parts

from ci.proving.patches import ProvablePatch, provable_patches, series
from testing.registry import ROOT, Stack, stacks
from testing.small_project import HEADER

PATCH = ProvablePatch("alpha/cpu/0001-bugfix-slow.patch", "0" * 64, ("tests/t.py::test",))


@pytest.fixture
def stack(tmp_path):
    """A stack with a patch that names a proof, one that names none, and one of a set."""
    table = {
        "packages": {
            "alpha": {
                "series": ["0001-bugfix-a.patch", "0002-feature-b.patch"],
                "sets": {"cpu": {"series": ["0001-bugfix-slow.patch"]}, "rare": {}},
            },
            "beta": {"series": []},
        }
    }
    (tmp_path / "alpha/cpu").mkdir(parents=True)
    told = HEADER.format(subject="[bugfix] A") + "diff --git a/a b/a\n"
    (tmp_path / "alpha/0001-bugfix-a.patch").write_text(told)
    silent = told.replace("Proof: tests/test_alpha.py::test_answer\n", "")
    (tmp_path / "alpha/0002-feature-b.patch").write_text(silent)
    (tmp_path / "alpha/cpu/0001-bugfix-slow.patch").write_text(told)
    return Stack("1.0", tmp_path, table)


def test_only_those_that_name_a_proof(stack):
    found = provable_patches(stack)
    assert [patch.path for patch in found] == ["alpha/0001-bugfix-a.patch", PATCH.path]
    assert {patch.proofs for patch in found} == {("tests/test_alpha.py::test_answer",)}
    data = (stack.folder / found[0].path).read_bytes()
    assert found[0].sha256 == hashlib.sha256(data).hexdigest()


def test_a_patch_that_is_not_there(stack):
    (stack.folder / PATCH.path).unlink()
    with pytest.raises(FileNotFoundError, match="0001-bugfix-slow"):
        provable_patches(stack)


@pytest.mark.parametrize("stack", stacks(), ids=lambda stack: stack.name)
def test_they_are_those_that_the_tool_reads(stack):
    known = PatchedStack.load(Distribution(ROOT), stack.name)
    patches = [
        (f"{package.name}/{patch.name}", patch.sha256, patch.header.proofs)
        for package in known.packages.values()
        for part in load_parts(known, package).values()
        for patch in part.patches
    ]
    assert list(series(stack)) == [path for path, *_ in patches]
    found = [(patch.path, patch.sha256, patch.proofs) for patch in provable_patches(stack)]
    assert found == [patch for patch in patches if patch[2]]


def test_kinds():
    assert (PATCH.package, PATCH.is_bugfix) == ("alpha", True)
    assert not ProvablePatch("alpha/0001-feature-x.patch", "", ()).is_bugfix
