#!/usr/bin/env python3
"""Runs Python in an environment that holds the working tree's patch set.

    python3 ci/python.py cpu -m pytest tests/vllm

Where the environment has an emulated NPU, Python finds the emulator. `dev` runs as it is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ci.environment import BuildError, find, names
from ci.npu_emulator import PYTHONPATH, emulated_interpreter, is_emulated
from ci.patched import in_use, patched_interpreter


def prepared_interpreter(name: str) -> Path:
    """Return the Python of an environment with all that a process in it needs.

    Raises:
        BuildError: the environment or the emulator cannot be built.
        subprocess.CalledProcessError: the patch set cannot be applied.
    """
    environment = find(name)
    if environment.stack is None:
        python, _ = in_use(name)
        return python
    if is_emulated(environment):
        os.environ["PYTHONPATH"] = PYTHONPATH
        return emulated_interpreter(name)
    return patched_interpreter(name)


def main() -> None:
    """Prepare the environment that the command line names, and become its Python."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=names(), metavar="name", help="such as cpu or cpu-STACK")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what Python is started with")
    chosen = parser.parse_args()
    try:
        python = prepared_interpreter(chosen.name)
    except (BuildError, subprocess.CalledProcessError) as error:
        sys.exit(f"ci/python.py: {error}")
    os.execv(python, [str(python), *chosen.arguments])


if __name__ == "__main__":
    main()
