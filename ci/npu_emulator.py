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

from environment import ROOT, BuildError, interpreter, only_one_builder, run
from patched import patched_interpreter

ENVIRONMENTS = ("emulated_npu", "emulated_npu-2025.11")
PYTHONPATH = f"{ROOT / 'testing/npu_emulator/packages'}:{ROOT}"
ASK_FOR_RELEASE = "from importlib.metadata import version; print(version('vllm-ascend'))"


def emulated_interpreter(name: str) -> Path:
    """Python of the environment `name`, patched, for which the emulator is ready.

    Its processes find the emulator where PYTHONPATH is this module's.

    Raises:
        BuildError: the environment or the emulator cannot be built.
        subprocess.CalledProcessError: the patch set cannot be applied.
    """
    python = patched_interpreter(name)
    prepare(python)
    return python


def prepare(python: Path) -> None:
    """Build the native part for an interpreter, and fetch the schemas that its vLLM-Ascend needs.

    Raises:
        BuildError: one of them cannot be had.
    """
    asked = subprocess.run([python, "-c", ASK_FOR_RELEASE], check=True, capture_output=True)
    dev = interpreter("dev")
    with only_one_builder():
        run(python, "-m", "testing.npu_emulator.native_library", folder=ROOT)
        release = asked.stdout.decode().strip()
        run(dev, "-m", "testing.npu_emulator.schemas", release, folder=ROOT)


def main() -> None:
    """Prepare the environment that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=ENVIRONMENTS)
    try:
        python = emulated_interpreter(parser.parse_args().name)
    except (BuildError, subprocess.CalledProcessError) as error:
        sys.exit(f"ci/npu_emulator.py: {error}")
    print(f"PYTHONPATH={PYTHONPATH} {python}")


if __name__ == "__main__":
    main()
