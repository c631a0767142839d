"""Which steps there are: no test folder is left out, and none runs twice without a reason."""

import re
from collections import Counter

import pytest

from ci import steps
from ci.environment import names
from testing.registry import ROOT, stacks

IMPORTS_RAY = re.compile(r"^\s*(import|from) ray\b", re.MULTILINE)


def test_every_test_folder_runs():
    run = {path for test in steps.stack_tests() for path in test.paths}
    run.update(steps.unclaimed_tests())
    streets = {
        f"tests/{path.name}" for path in ROOT.glob("tests/*") if any(path.glob("**/test_*.py"))
    }
    assert streets - run == set()
    assert [path for path in sorted(run) if not (ROOT / path).exists()] == []


def test_a_folder_runs_once_in_an_environment():
    run = Counter((test.environment, path) for test in steps.stack_tests() for path in test.paths)
    assert set(run.values()) == {1}


def test_steps_have_names_of_their_own():
    found = Counter(step.name for lane in steps.lanes() for step in lane)
    assert set(found.values()) == {1}


def test_clusters_run_one_after_the_other():
    """And every test that a stack names runs in their lane or in that of the other engines."""
    _, _, clusters, engines = steps.lanes()
    names = {step.name for step in clusters}
    assert names == {test.step.name for test in steps.stack_tests() if test.starts_a_cluster}
    assert names | {step.name for step in engines} == {
        test.step.name for test in steps.stack_tests()
    }


@pytest.mark.parametrize("stack", stacks(), ids=lambda stack: stack.name)
def test_a_stack_has_the_tests_that_it_says_to_start_clusters(stack):
    titles = {title for tests in stack.ci.get("tests", {}).values() for title in tests}
    assert set(stack.ci.get("clusters", ())) <= titles


def test_what_imports_ray_starts_clusters():
    apart = {
        path for test in steps.stack_tests() if not test.starts_a_cluster for path in test.paths
    }
    files = (file for path in apart for file in ROOT.glob(f"{path}/**/*.py"))
    assert [file for file in files if IMPORTS_RAY.search(file.read_text())] == []


@pytest.mark.parametrize("stack", stacks(), ids=lambda stack: stack.name)
def test_every_environment_that_a_stack_tests_has_a_lock(stack):
    for short in stack.ci.get("tests", {}):
        assert f"{short}-{stack.name}" in names()


def test_each_environment_is_built_once_and_the_first_of_each_lane_first():
    """Then the lanes wait for the fewest."""
    built, _, *others = steps.lanes()
    order = [step.command[2] for step in built]
    needed = {step.command[2] for lane in others for step in lane}
    assert sorted(order) == sorted(needed)
    first = {lane[0].command[2] for lane in others}
    assert set(order[: len(first)]) == first
