#!/usr/bin/env python3
"""Prepares the NPU emulator in an environment, and prints how to run Python on it.

    python3 ci/npu_emulator.py emulated_npu

It compiles the native part for the environment's PyTorch, and reads the schemas of torch_npu's
operators from its pinned wheel; both are kept under `${SPECROLL_CACHE:-$HOME/.cache/specroll}`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ci.environment import (
    BuildError,
    Environment,
    find,
    full_name,
    interpreter,
    names,
    only_one_builder,
    run,
)
from ci.patched import patched_interpreter
from testing.registry import ROOT, Stack

PYTHONPATH = f"{ROOT / 'testing/npu_emulator/packages'}:{ROOT}"


def is_emulated(environment: Environment) -> bool:
    """Say whether an environment has the NPU emulator of its stack."""
    stack = environment.stack
    if stack is None or "emulator" not in stack.ci:
        return False
    return environment.name == full_name(stack.ci["emulator"]["environment"], stack)


def emulated_names() -> list[str]:
    """Return the names of the environments that have the emulator."""
    return [name for name in names() if is_emulated(find(name))]


def emulated_interpreter(name: str) -> Path:
    """Return the Python of an environment, patched, for which the emulator is ready.

    Its processes find the emulator where PYTHONPATH is this module's.

    Raises:
        BuildError: the environment or the emulator cannot be built.
        subprocess.CalledProcessError: the patch set cannot be applied.
    """
    stack = find(name).stack
    if stack is None:
        raise BuildError(f"{name} is no stack's environment: it has no NPU emulator")
    python = patched_interpreter(name)
    prepare(python, stack)
    return python


def prepare(python: Path, stack: Stack) -> None:
    """Build the native part for an interpreter, and fetch the schemas that its vLLM-Ascend needs.

    Raises:
        BuildError: one of them cannot be had.
    """
    dev = interpreter("dev")
    with only_one_builder("npu_emulator"):
        run(python, "-m", "testing.npu_emulator.native_library", folder=ROOT)
        run(dev, "-m", "testing.npu_emulator.schemas", stack.name, folder=ROOT)


def main() -> None:
    """Prepare the environment that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=emulated_names(), help="such as emulated_npu")
    try:
        python = emulated_interpreter(parser.parse_args().name)
    except (BuildError, subprocess.CalledProcessError) as error:
        sys.exit(f"ci/npu_emulator.py: {error}")
    print(f"PYTHONPATH={PYTHONPATH} {python}")


if __name__ == "__main__":
    main()
