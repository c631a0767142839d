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


def test_clusters_start_one_after_the_other():
    """All in one lane, which goes on with what others have not begun."""
    *_, clusters = steps.lanes()
    listed = [each.title for each in steps.stack_tests() if each.starts_clusters]
    found = [step.name for step in clusters]
    assert found[: len(listed)] == listed
    assert {each.title for each in steps.stack_tests()} <= set(found)


def test_a_lane_that_is_through_takes_the_next_of_the_last_steps():
    first, second, _ = (map(name_of, lane) for lane in steps.lanes())
    own = [[*map(name_of, each())] for each in (steps.environment_steps, steps.dev_steps)]
    assert [next(first) for _ in own[0]] == own[0]
    taken = next(first)
    assert [next(second) for _ in own[1]] == own[1]
    last = [each.title for each in steps.stack_tests() if not each.starts_clusters]
    assert [taken, next(second), next(first)] == last[:3]


def name_of(step):
    return step.name


def test_what_starts_no_cluster_yields():
    clusters = {each.title for each in steps.stack_tests() if each.starts_clusters}
    found = {step.name for lane in steps.lanes() for step in lane if step.command[0] != "nice"}
    assert found == clusters


@pytest.mark.parametrize("stack", stacks(), ids=lambda stack: stack.name)
def test_what_starts_clusters_is_a_title_of_tests(stack):
    titles = {title for titles in stack.ci["tests"].values() for title in titles}
    assert set(stack.ci.get("clusters", ())) <= titles


@pytest.mark.parametrize("stack", stacks(), ids=lambda stack: stack.name)
def test_every_environment_that_a_stack_tests_has_a_lock(stack):
    for short in stack.ci.get("tests", {}):
        assert f"{short}-{stack.name}" in names()


def test_environments_are_built_in_the_order_in_which_engines_need_them():
    built = [step.command[2] for step in steps.environment_steps()]
    needed = dict.fromkeys(tests.environment for tests in steps.stack_tests())
    assert built == list(needed)
