"""How proofs go, told by real runs of pytest."""

import sys
from pathlib import Path

import pytest

from ci.proving.runs import Outcome, Runner, of_proof

TESTS = """
import os, signal, time
import pytest

@pytest.fixture
def broken():
    raise RuntimeError("the engine does not start")

class Failure(Exception):
    pass

def test_passes(): pass
def test_fails(): assert 1 == 2
def test_raises(): raise Failure("it is broken")
def test_begins(broken): pass
def test_expects():
    with pytest.raises(ValueError): pass
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.parametrize("number", [1, 2])
def test_some_fail(number): assert number == 1
def test_hangs(): time.sleep(600)
def test_dies(): os.kill(os.getpid(), signal.SIGSEGV)
def test_is_killed(): os.kill(os.getpid(), signal.SIGKILL)
class TestInside:
    def test_it(self): pass
"""
HERE = "tests/test_it.py"
PASSES = Outcome("passed", "passes")
OUTCOMES = {
    "test_passes": PASSES,
    "TestInside::test_it": PASSES,
    "test_fails": Outcome("failed", "fails: AssertionError"),
    "test_raises": Outcome("failed", "fails: Failure"),
    "test_begins": Outcome("failed", "fails: RuntimeError"),
    "test_expects": Outcome("failed", "fails: Failed"),
    "test_some_fail": Outcome("failed", "fails: AssertionError"),
    "test_some_fail[1]": PASSES,
    "test_skipped": Outcome("skipped", "is skipped"),
}


@pytest.fixture
def runner(tmp_path):
    """Runs tests of a tree that is not this one."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / HERE).write_text(TESTS)
    return Runner(Path(sys.executable), 600.0, root=tmp_path)


def test_each_way_to_go(runner):
    proofs = {f"{HERE}::{name}": outcome for name, outcome in OUTCOMES.items()}
    assert runner.run(list(proofs)) == proofs


def test_a_test_that_does_not_exist_hides_no_other(runner):
    there, gone = f"{HERE}::test_passes", f"{HERE}::test_gone"
    assert runner.run([there, gone]) == {
        there: PASSES,
        gone: Outcome("untold", "does not run (pytest ends with 4)"),
    }


def test_a_crash_is_a_failure(runner):
    proof = f"{HERE}::test_dies"
    assert runner.run([proof]) == {proof: Outcome("failed", "ends with SIGSEGV")}


def test_a_test_that_is_killed_from_outside_says_nothing(runner):
    proof = f"{HERE}::test_is_killed"
    assert runner.run([proof]) == {proof: Outcome("untold", "ends with SIGKILL")}


def test_a_test_that_does_not_end_is_a_failure(runner):
    proof = f"{HERE}::test_hangs"
    short = Runner(runner.python, 0.5, root=runner.root)
    assert short.run([proof]) == {proof: Outcome("failed", "does not end")}


def test_a_module_that_cannot_be_imported_is_a_failure(runner):
    (runner.root / HERE).write_text("import no_such_module\n")
    proof = f"{HERE}::test_passes"
    assert runner.run([proof]) == {proof: Outcome("failed", "fails: ModuleNotFoundError")}


def test_variables_reach_the_proof(runner):
    (runner.root / HERE).write_text("import os\ndef test_it(): assert os.environ['WORD']\n")
    proof = f"{HERE}::test_it"
    told = Runner(runner.python, 600.0, {"WORD": "said"}, runner.root)
    assert told.run([proof]) == {proof: PASSES}


def test_nothing_told_of_other_tests_counts():
    assert of_proof("tests/a.py::b", {"tests.a.bc": "passed"}, {}) is None
