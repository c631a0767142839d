"""The environments in which the proofs of a stack's patches run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from specroll.cache import cache_folder

from ci import lock, npu_emulator
from ci.environment import BuildError, environments, find, full_name, interpreter
from ci.patched import patched_interpreter
from ci.proving.patches import ProvablePatch
from testing.registry import ROOT, Stack


def environment_of(stack: Stack, patch: ProvablePatch, proof: str) -> str:
    """Return the environment of a proof, by its full name.

    It is the one in which the stack runs the test. A stack may leave out tests: then it is the
    first one with a lock that has the package.

    Raises:
        BuildError: no environment with a lock has the package.
    """
    fitting = [
        short
        for short, table in stack.environments.items()
        if "lock" in table and _has(stack, table["requirements"], patch.package)
    ]
    claiming = [short for short in fitting if _claims(stack, short, proof.partition("::")[0])]
    for short in [*claiming, *fitting]:
        return full_name(short, stack)
    raise BuildError(f"no environment of stack {stack.name} with a lock has {patch.package}")


def _has(stack: Stack, requirements: list[str], package: str) -> bool:
    """Say whether requirements name a distribution that installs a package."""
    names = {requirement.partition("==")[0] for requirement in requirements}
    return not names.isdisjoint(stack.variants(package))


def _claims(stack: Stack, short: str, file: str) -> bool:
    """Say whether a stack names a test file, or a folder of it, for an environment."""
    paths = [path for paths in stack.ci.get("tests", {}).get(short, {}).values() for path in paths]
    return any(file == path or file.startswith(f"{path}/") for path in paths)


def lock_missing(stack: Stack) -> None:
    """Write the locks that a stack names and does not have yet, as a new one.

    Raises:
        BuildError: an environment does not resolve.
    """
    for environment in environments().values():
        if environment.stack == stack and not environment.lock.exists():
            print(f"Resolving {environment.name} …", file=sys.stderr)
            lock.write(environment)


def prepared(name: str) -> tuple[Path, dict[str, str]]:
    """Return the interpreter of an environment, patched, and the variables that it needs.

    Raises:
        BuildError: the environment or its emulator cannot be built.
        subprocess.CalledProcessError: the patch set cannot be applied.
    """
    if npu_emulator.is_emulated(find(name)):
        return npu_emulator.emulated_interpreter(name), {"PYTHONPATH": npu_emulator.PYTHONPATH}
    return patched_interpreter(name), {}


@contextmanager
def without(patch: ProvablePatch, python: Path) -> Iterator[tuple[Path, list[str]]]:
    """Give an interpreter of an environment like that of another one, but for a patch.

    Yields:
        The interpreter, and the patches that are missing.

    Raises:
        BuildError: it cannot be made.
    """
    # Beside the environments: hard links do not leave a file system.
    folder = cache_folder() / "proofs"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        place = Path(scratch) / "environment"
        words = ("-m", "testing.environment_beside", python, patch.path, place)
        command = [str(word) for word in (interpreter("dev"), *words)]
        asked = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        if asked.returncode:
            raise BuildError(f"no environment without {patch.path} can be made; see above")
        yield place / "bin" / python.name, asked.stdout.split()
