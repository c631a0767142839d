"""What must pass: steps, in lanes that run at the same time.

Tests that start clusters of Ray share a lane, since two clusters compete for memory. Other engines
have one of their own: one thread computes in each, so a second one takes the core that the first
leaves. Environments are built in a lane of their own, in the order in which the others need them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from ci.environment import full_name
from testing.registry import ROOT, Stack, stacks

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


@dataclass(frozen=True)
class StackTests:
    """Test paths that a stack names under a title, for its environment of a short name.

    For example `StackTests(stack, "verl", "cpu", ("tests/verl",)).step.name` ends with
    `verl in cpu`.
    """

    stack: Stack
    title: str
    short: str
    paths: tuple[str, ...]

    @property
    def environment(self) -> str:
        """The environment's full name."""
        return full_name(self.short, self.stack)

    @property
    def starts_a_cluster(self) -> bool:
        """Whether its stack lists it under `clusters`."""
        return self.title in self.stack.ci.get("clusters", ())

    @property
    def step(self) -> Step:
        """The step that runs them."""
        name = f"{self.stack.name} {self.title} in {self.short}"
        return Step(name, python_in(self.environment, "-m", "pytest", *self.paths))


def lanes() -> list[list[Step]]:
    """Return the steps; those of a lane run one after the other."""
    return [
        list(environment_steps()),
        [*dev_steps(), *upstream_steps()],
        list(cluster_steps()),
        list(engine_steps()),
    ]


def environment_steps() -> Iterator[Step]:
    """Yield the steps that build environments."""
    for name in dict.fromkeys(test.environment for test in stack_tests()):
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


def cluster_steps() -> Iterator[Step]:
    """Yield the steps in environments of stacks that start clusters of Ray."""
    return (test.step for test in stack_tests() if test.starts_a_cluster)


def engine_steps() -> Iterator[Step]:
    """Yield the other steps in environments of stacks."""
    return (test.step for test in stack_tests() if not test.starts_a_cluster)


def upstream_steps() -> Iterator[Step]:
    """Yield the steps that run upstream's own tests."""
    for stack in in_turn():
        if "upstream" in stack.ci:
            name = full_name(stack.ci["upstream"]["environment"], stack)
            yield Step(f"{stack.name} upstream's tests", python_file("upstream_tests.py", name))


def stack_tests() -> list[StackTests]:
    """Return the tests that stacks name."""
    return [
        StackTests(stack, title, short, tuple(paths))
        for stack in in_turn()
        for short, titles in stack.ci.get("tests", {}).items()
        for title, paths in titles.items()
    ]


def in_turn() -> list[Stack]:
    """Return the stacks, the default one first."""
    return sorted(stacks(), key=lambda stack: not stack.is_default)


def unclaimed_tests() -> list[str]:
    """Return the test folders that no stack names: they need none."""
    claimed = {path for test in stack_tests() for path in test.paths}
    found = {file.relative_to(ROOT).parts[1] for file in ROOT.glob("tests/*/**/test_*.py")}
    return sorted({f"tests/{street}" for street in found} - claimed)


def python_in(environment: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs Python in an environment, patched where a stack has it."""
    return python_file("python.py", environment, *arguments)


def python_file(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a file of `ci/`."""
    return (sys.executable, str(ROOT / "ci" / name), *arguments)
