"""What must pass: steps, in lanes that run at the same time.

Engines of many processes share one lane, since two clusters of Ray compete for the cores and for
memory: with Ray in a lane of its own, two steps that took 700 and 540 s one after the other took
2,430 and 1,530 s side by side on two cores.
What runs beside them are steps of one process or two, engines on an emulated NPU among them.
Environments are built in a lane of their own, in the order in which the others need them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from ci.environment import find, full_name
from ci.npu_emulator import is_emulated
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


def lanes() -> list[list[Step]]:
    """Return the steps; those of a lane run one after the other."""
    engines = {step: is_emulated(find(name)) for step, name in engine_steps()}
    beside = [step for step, emulated in engines.items() if emulated]
    alone = [step for step, emulated in engines.items() if not emulated]
    return [list(environment_steps()), [*dev_steps(), *upstream_steps(), *beside], alone]


def environment_steps() -> Iterator[Step]:
    """Yield the steps that build environments."""
    for name in dict.fromkeys(name for _, name, _ in stack_tests()):
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


def engine_steps() -> Iterator[tuple[Step, str]]:
    """Yield the steps in environments of stacks, each with the name of its environment."""
    for title, name, paths in stack_tests():
        yield Step(title, python_in(name, "-m", "pytest", *paths)), name


def upstream_steps() -> Iterator[Step]:
    """Yield the steps that run upstream's own tests."""
    for stack in in_turn():
        if "upstream" in stack.ci:
            name = full_name(stack.ci["upstream"]["environment"], stack)
            yield Step(f"{stack.name} upstream's tests", python_file("upstream_tests.py", name))


def stack_tests() -> list[tuple[str, str, list[str]]]:
    """Return title, environment and paths of the tests that stacks name."""
    return [
        (f"{stack.name} {title} in {short}", full_name(short, stack), paths)
        for stack in in_turn()
        for short, titles in stack.ci.get("tests", {}).items()
        for title, paths in titles.items()
    ]


def unclaimed_tests() -> list[str]:
    """Return the test folders that no stack names: they need none."""
    claimed = {path for *_, paths in stack_tests() for path in paths}
    found = {file.relative_to(ROOT).parts[1] for file in ROOT.glob("tests/*/**/test_*.py")}
    return sorted({f"tests/{street}" for street in found} - claimed)


def python_in(environment: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs Python in an environment, patched where a stack has it."""
    return python_file("python.py", environment, *arguments)


def python_file(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a file of `ci/`."""
    return (sys.executable, str(ROOT / "ci" / name), *arguments)
