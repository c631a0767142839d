#!/usr/bin/env python3
"""Builds the environments of tests and demos; needs only Python, pip and a network.

    python3 ci/environment.py cpu     # prints the interpreter of the environment

The environments are `dev` and those of the stacks that name a lock: `cpu-STACK` is the environment
`cpu` of a stack, and `cpu` alone that of the default stack. Where that has none of the name, the
newest stack that has one is meant. uv builds an environment from its lock,
which has hashes (see lock.py). It lies in `${SPECROLL_CACHE:-$HOME/.cache/specroll}/environments`,
under the digest of that lock.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from specroll.cache import cache_folder

from ci.unused_environments import remove_unused
from testing.registry import ROOT, Stack, in_turn, stacks

PYTHON_VERSION = "3.11"
UV_REQUIREMENT = "uv==0.13.9"


class BuildError(Exception):
    """A command that builds an environment failed."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with exactly the packages of a lock.

    For example `find("cpu").folder`, built by `interpreter("cpu")`, holds vLLM's build for CPUs.
    """

    name: str
    lock: Path
    stack: Stack | None = None

    @property
    def folder(self) -> Path:
        """Where it lies: another place for each content of the lock."""
        digest = hashlib.sha256(self.lock.read_bytes()).hexdigest()[:16]
        return cache_folder() / "environments" / f"{self.name}-{digest}"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"


def environments() -> dict[str, Environment]:
    """Return all environments that have a lock, by their full names."""
    found = {"dev": Environment("dev", ROOT / "ci/environments/dev.txt")}
    for stack in stacks():
        for short, table in stack.environments.items():
            if "lock" in table:
                name = full_name(short, stack)
                found[name] = Environment(name, stack.folder / table["lock"], stack)
    return found


def full_name(short: str, stack: Stack) -> str:
    """Return the name of a stack's environment among those of all stacks."""
    return f"{short}-{stack.name}"


def names() -> list[str]:
    """Return the names that `find` knows, in order."""
    return sorted(_named())


def find(name: str) -> Environment:
    """Return the environment of a name, with or without a stack.

    Without one it is that of the first stack in turn that has it.

    Raises:
        KeyError: there is none.
    """
    return _named()[name]


def _named() -> dict[str, Environment]:
    """Return all environments by the names that are understood."""
    known = environments()
    shorts = {
        short: known[full_name(short, stack)]
        for stack in reversed(in_turn())
        for short in stack.environments
        if full_name(short, stack) in known
    }
    return shorts | known


def interpreter(name: str) -> Path:
    """Return the Python of an environment, which is built where it is missing.

    Raises:
        BuildError: a step of the build failed.
    """
    environment = find(name)
    complete = environment.folder / ".complete"
    with only_one_builder(environment.name):
        if not complete.exists():
            build(environment)
            complete.touch()
        os.utime(complete)  # its time is that of the last use
    return environment.python


@contextmanager
def only_one_builder(name: str) -> Iterator[None]:
    """Hold the lock under which a part of the cache is written.

    Raises:
        BuildError: nothing can be written there.
    """
    with building_lock(cache_folder() / "environments", name) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def building_lock(folder: Path, name: str) -> IO[str]:
    """Open the file of a lock in a folder of the cache, which is made.

    Raises:
        BuildError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / f".building-{name}").open("w")
    except OSError as error:
        raise BuildError(
            f"cannot write to {folder} ({error.strerror}); "
            "make it writable, or name another cache with SPECROLL_CACHE"
        ) from error


def uv() -> Path:
    """Return the uv that builds environments, in a virtual environment of its own.

    Raises:
        BuildError: it cannot be installed.
    """
    folder = cache_folder() / UV_REQUIREMENT.replace("==", "-")
    program = folder / "bin" / "uv"
    with only_one_builder("uv"):
        if not program.exists():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", UV_REQUIREMENT)
    return program


def build(environment: Environment) -> None:
    """Install the packages of a lock, and make room for them.

    Raises:
        BuildError: a step of the build failed.
    """
    folder = environment.folder
    print(f"Building {folder.name} (once for each lock) …", file=sys.stderr)
    remove_unused(folder.parent, keep={known.folder for known in environments().values()})
    shutil.rmtree(folder, ignore_errors=True)
    program = uv()
    run(program, "venv", "--quiet", "--no-python-downloads", "--python", PYTHON_VERSION, folder)
    # To a terminal uv shows its progress, to a log it would write a line for each package.
    options = ["--require-hashes"] if sys.stderr.isatty() else ["--require-hashes", "--quiet"]
    run(program, "pip", "sync", *options, "--python", environment.python, environment.lock)


def run(*command: str | Path, folder: Path | None = None) -> None:
    """Run a step of a build, in a folder; its output goes to standard error.

    Raises:
        BuildError: it cannot be started, or exits with another code than 0.
    """
    words = [str(word) for word in command]
    try:
        subprocess.run(words, check=True, stdout=sys.stderr, cwd=folder)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BuildError(f"`{' '.join(words)}` failed: {error}") from error


def main() -> None:
    """Build the environment that the command line names and print its interpreter."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=names(), help="such as dev, cpu or cpu-STACK")
    try:
        print(interpreter(parser.parse_args().name))
    except BuildError as error:
        sys.exit(f"ci/environment.py: {error}")


if __name__ == "__main__":
    main()
