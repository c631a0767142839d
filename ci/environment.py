#!/usr/bin/env python3
"""Builds the environments that CI and the demo run in; needs only Python, pip and a network.

    python3 ci/environment.py cpu     # prints the interpreter of the environment

An environment is built by uv from a lock with hashes (see lock.py) and kept in
`${SPECROLL_CACHE:-$HOME/.cache/specroll}/environments` under the digest of that lock.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

from specroll.cache import cache_folder

ROOT = Path(__file__).resolve().parent.parent
PYTHON_VERSION = "3.11"
UV_REQUIREMENT = "uv==0.13.9"
LOCKS = {
    "dev": ROOT / "ci/environments/dev.txt",
    "cpu": ROOT / "patches/2026.09/environments/cpu.txt",
    "cpu-2025.11": ROOT / "patches/2025.11/environments/cpu.txt",
    "emulated_npu": ROOT / "patches/2026.09/environments/emulated_npu.txt",
    "emulated_npu-2025.11": ROOT / "patches/2025.11/environments/emulated_npu.txt",
}


class BuildError(Exception):
    """A command that builds an environment failed."""


def interpreter(name: str) -> Path:
    """Python of the environment `name`, which is built where it is missing.

    Raises:
        BuildError: a step of the build failed.
    """
    lock = LOCKS[name]
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    folder = cache_folder() / "environments" / f"{name}-{digest}"
    complete = folder / ".complete"
    with only_one_builder():
        if not complete.exists():
            build(folder, lock)
            complete.touch()
    return folder / "bin" / "python"


@contextmanager
def only_one_builder() -> Iterator[None]:
    """Hold the lock under which the cache is written."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / ".building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def uv() -> Path:
    """The uv that builds environments, in a virtual environment of its own."""
    folder = cache_folder() / UV_REQUIREMENT.replace("==", "-")
    program = folder / "bin" / "uv"
    if not program.exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", UV_REQUIREMENT)
    return program


def build(folder: Path, lock: Path) -> None:
    """Install exactly the packages of `lock` into a new environment at `folder`."""
    print(f"Building {folder.name} (once for each lock) …", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    program = uv()
    run(program, "venv", "--quiet", "--no-python-downloads", "--python", PYTHON_VERSION, folder)
    python = folder / "bin" / "python"
    # To a terminal uv shows its progress, to a log it would write a line for each package.
    verbosity = [] if sys.stderr.isatty() else ["--quiet"]
    run(program, "pip", "sync", *verbosity, "--python", python, "--require-hashes", lock)
    # uv writes no bytecode, and where PYTHONDONTWRITEBYTECODE is set each import compiles anew.
    print("Compiling to bytecode …", file=sys.stderr)
    compileall = [python, "-m", "compileall", "-qq", "-j0", folder / "lib"]
    subprocess.run(compileall, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(LOCKS))
    try:
        print(interpreter(parser.parse_args().name))
    except BuildError as error:
        sys.exit(f"ci/environment.py: {error}")


if __name__ == "__main__":
    main()
