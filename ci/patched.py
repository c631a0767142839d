"""Puts the working tree's patch set into an environment, and keeps it there while it is used."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from ci.environment import interpreter
from testing.registry import ROOT


def patched_interpreter(name: str) -> Path:
    """Return the Python of an environment, built, patched and verified.

    Verification compares what is installed with the working tree: what follows runs the code that
    lies here, or does not run. Other clones may share the environment; they can put their own patch
    set there when this process, and what it becomes by `exec`, has ended.

    Raises:
        BuildError: the environment cannot be built.
        subprocess.CalledProcessError: the patch set cannot be applied.
    """
    python, lock = in_use(name)
    while not is_patched(python):
        print(f"Patching {python.parents[1]} when nobody else uses it …", file=sys.stderr)
        fcntl.flock(lock, fcntl.LOCK_UN)
        fcntl.flock(lock, fcntl.LOCK_EX)
        apply_patches("apply", "--python", str(python))
        fcntl.flock(lock, fcntl.LOCK_SH)
    return python


def in_use(name: str) -> tuple[Path, int]:
    """Return the Python of an environment, built, and the lock that says that it is used.

    Nobody removes the environment before this process, and what it becomes by `exec`, has ended.
    From here on they keep the bytecode of what they import.

    Raises:
        BuildError: the environment cannot be built.
    """
    # uv compiles nothing, and to compile all beforehand takes longer: tests import a quarter of it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    while True:
        folder = (python := interpreter(name)).parents[1]
        lock = os.open(folder / ".in-use", os.O_RDWR | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_SH)
        if (folder / ".complete").exists():
            os.set_inheritable(lock, True)
            return python, lock
        os.close(lock)  # of an environment that was removed meanwhile


def is_patched(python: Path) -> bool:
    """Say whether `check` and `verify` find the working tree's patch set installed."""
    commands = (patch_tool(command, "--python", str(python)) for command in ("check", "verify"))
    return all(subprocess.run(command, capture_output=True).returncode == 0 for command in commands)


def apply_patches(*arguments: str) -> None:
    """Run the patch tool from the working tree; its output goes to standard error.

    Raises:
        subprocess.CalledProcessError: it exits with another code than 0.
    """
    subprocess.run(patch_tool(*arguments), check=True, stdout=sys.stderr)


def patch_tool(*arguments: str) -> list[str]:
    """Return the command line that runs the patch tool."""
    return [str(interpreter("dev")), str(ROOT / "tools" / "apply_patches.py"), *arguments]
