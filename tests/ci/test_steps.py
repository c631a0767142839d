"""Which steps there are: no test folder is left out, and none runs twice without a reason."""

from collections import Counter

import pytest

from ci import steps
from ci.environment import find, names
from ci.npu_emulator import is_emulated
from testing.registry import ROOT, stacks


def test_every_test_folder_runs():
    run = {path for *_, paths in steps.stack_tests() for path in paths}
    run.update(steps.unclaimed_tests())
    streets = {
        f"tests/{path.name}" for path in ROOT.glob("tests/*") if any(path.glob("**/test_*.py"))
    }
    assert streets - run == set()
    assert [path for path in sorted(run) if not (ROOT / path).exists()] == []


def test_a_folder_runs_once_in_an_environment():
    run = Counter((name, path) for _, name, paths in steps.stack_tests() for path in paths)
    assert set(run.values()) == {1}


def test_steps_have_names_of_their_own():
    found = Counter(step.name for lane in steps.lanes() for step in lane)
    assert set(found.values()) == {1}


def test_engines_run_one_after_the_other():
    """But those on emulated NPUs, which start no cluster."""
    _, beside, engines = ([step.name for step in lane] for lane in steps.lanes())
    tests = {title: is_emulated(find(name)) for title, name, _ in steps.stack_tests()}
    assert engines == [title for title, emulated in tests.items() if not emulated]
    assert [title for title in beside if title in tests] == [t for t in tests if t not in engines]


@pytest.mark.parametrize("stack", stacks(), ids=lambda stack: stack.name)
def test_every_environment_that_a_stack_tests_has_a_lock(stack):
    for short in stack.ci.get("tests", {}):
        assert f"{short}-{stack.name}" in names()


def test_environments_are_built_in_the_order_in_which_engines_need_them():
    built, *_ = steps.lanes()
    needed = dict.fromkeys(name for _, name, _ in steps.stack_tests())
    assert [step.command[2] for step in built] == list(needed)
