"""Which steps there are: no test folder is left out, and none runs twice without a reason."""

from collections import Counter

import pytest

from ci import steps
from ci.environment import names
from testing.registry import ROOT, stacks


def test_every_test_folder_runs():
    run = {path for tests in steps.stack_tests() for path in tests.paths}
    run.update(steps.unclaimed_tests())
    streets = {
        f"tests/{path.name}" for path in ROOT.glob("tests/*") if any(path.glob("**/test_*.py"))
    }
    assert streets - run == set()
    files = {path.partition("::")[0] for path in run}
    assert [path for path in sorted(files) if not (ROOT / path).exists()] == []


def test_a_folder_runs_once_in_an_environment():
    run = Counter((each.environment, path) for each in steps.stack_tests() for path in each.paths)
    assert set(run.values()) == {1}


def test_steps_have_names_of_their_own():
    found = Counter(step.name for lane in steps.lanes() for step in lane)
    assert set(found.values()) == {1}


def test_engines_run_one_after_the_other():
    """But those that their stack lists as `beside`: they start no cluster."""
    _, beside, engines = ([step.name for step in lane] for lane in steps.lanes())
    tests = steps.stack_tests()
    assert engines == [each.title for each in tests if not each.is_beside]
    listed = [each.title for each in tests if each.is_beside]
    assert [name for name in beside if name in {each.title for each in tests}] == listed


@pytest.mark.parametrize("stack", stacks(), ids=lambda stack: stack.name)
def test_what_runs_beside_is_a_title_of_tests(stack):
    titles = {title for titles in stack.ci["tests"].values() for title in titles}
    assert set(stack.ci["beside"]) <= titles


@pytest.mark.parametrize("stack", stacks(), ids=lambda stack: stack.name)
def test_every_environment_that_a_stack_tests_has_a_lock(stack):
    for short in stack.ci.get("tests", {}):
        assert f"{short}-{stack.name}" in names()


def test_environments_are_built_in_the_order_in_which_engines_need_them():
    built, *_ = steps.lanes()
    needed = dict.fromkeys(tests.environment for tests in steps.stack_tests())
    assert [step.command[2] for step in built] == list(needed)
