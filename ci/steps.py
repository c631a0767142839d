"""What must pass: steps, in lanes that run at the same time.

Clusters of Ray share one lane: two of them compete for the cores and for memory, of which training
with two ranks takes 10 GB. It takes longest, so all others yield to it. The other lanes begin with
what only Python is needed for, and with the environments, in the order in which they are needed.
Whichever lane is through goes on with the next of the engines that start no cluster, and with
upstream's own tests.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from ci.environment import full_name
from testing.registry import ROOT, in_turn

# It needs Python 3.11. What it imports of the shipped parts is checked for an older one, too.
FOR_3_11 = ("--python-version", "3.11", "--follow-imports", "silent")
NOT_SHIPPED = ("bench", "ci", "ci/test", "demo", "planner", "testing")


@dataclass(frozen=True)
class Step:
    """A command that must succeed.

    For example `Step("style", python_in("dev", "-m", "ruff", "check"))`.
    """

    name: str
    command: tuple[str, ...]


class Tests(NamedTuple):
    """Tests that a stack names: one step.

    Attributes:
        title: What the step is called.
        environment: The full name of its environment.
        paths: Test folders, files, and tests of them.
        starts_clusters: Whether they start clusters of Ray.
    """

    title: str
    environment: str
    paths: list[str]
    starts_clusters: bool


def lanes() -> list[Iterable[Step]]:
    """Return the steps; those of a lane run one after the other.

    The lanes share their last steps: each is taken by the lane that asks for it first.
    """
    tests = stack_tests()
    clusters = [engine_step(each) for each in tests if each.starts_clusters]
    engines = [engine_step(each) for each in tests if not each.starts_clusters]
    # The iterator of a list, which threads may share.
    shared = iter([*map(yielding, engines), *map(yielding, upstream_steps())])
    own = [map(yielding, environment_steps()), map(yielding, dev_steps()), clusters]
    return [chain(steps, shared) for steps in own]


def yielding(step: Step) -> Step:
    """Return a step that gets less of the processors than clusters do."""
    return Step(step.name, ("nice", *step.command))


def environment_steps() -> Iterator[Step]:
    """Yield the steps that build environments."""
    for name in dict.fromkeys(tests.environment for tests in stack_tests()):
        yield Step(f"build {name}", python_file("environment.py", name))


def dev_steps() -> Iterator[Step]:
    """Yield the steps in the environment `dev`."""
    tool = ("tools/apply_patches.py",)
    yield Step("style", python_in("dev", "-m", "ruff", "check"))
    yield Step("format", python_in("dev", "-m", "ruff", "format", "--check"))
    yield Step("types", python_in("dev", "-m", "mypy", "tools/specroll", "overlay"))
    mypy = ("-m", "mypy", *FOR_3_11)
    yield Step("types of what is not shipped", python_in("dev", *mypy, *NOT_SHIPPED))
    # Alone: as a module it would have the name of the package demo/.
    yield Step("types of ci/demo", python_in("dev", *mypy, "ci/demo"))
    yield Step("VERSIONS.md", python_in("dev", *tool, "versions", "--check"))
    yield Step("unit tests", python_in("dev", "-m", "pytest", *unclaimed_tests()))
    # After the tests, which fetch an artefact: what is at hand is compared too.
    yield Step("lint", python_in("dev", *tool, "lint"))
    yield Step("environments resolve", python_file("lock.py", "--check"))


def engine_step(tests: Tests) -> Step:
    """Return the step that runs a stack's tests."""
    return Step(tests.title, python_in(tests.environment, "-m", "pytest", *tests.paths))


def upstream_steps() -> Iterator[Step]:
    """Yield the steps that run upstream's own tests."""
    for stack in in_turn():
        if "upstream" in stack.ci:
            name = full_name(stack.ci["upstream"]["environment"], stack)
            yield Step(f"{stack.name} upstream's tests", python_file("upstream_tests.py", name))


def stack_tests() -> list[Tests]:
    """Return the tests that stacks name, in the order in which they run."""
    return [
        Tests(
            f"{stack.name} {title} in {short}",
            full_name(short, stack),
            paths,
            title in stack.ci.get("clusters", ()),
        )
        for stack in in_turn()
        for short, titles in stack.ci.get("tests", {}).items()
        for title, paths in titles.items()
    ]


def unclaimed_tests() -> list[str]:
    """Return the test folders that no stack names: they need none."""
    claimed = {path for tests in stack_tests() for path in tests.paths}
    found = {file.relative_to(ROOT).parts[1] for file in ROOT.glob("tests/*/**/test_*.py")}
    return sorted({f"tests/{street}" for street in found} - claimed)


def python_in(environment: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs Python in an environment, patched where a stack has it."""
    return python_file("python.py", environment, *arguments)


def python_file(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a file of `ci/`."""
    return (sys.executable, str(ROOT / "ci" / name), *arguments)
