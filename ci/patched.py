"""Puts the working tree's patch set into an environment, and makes sure that it is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from environment import ROOT, interpreter


def patched_interpreter(name: str) -> Path:
    """Python of the environment `name`, built, patched and verified.

    Verification compares what is installed with the working tree: what follows runs the code that
    lies here, or does not run.

    Raises:
        BuildError: the environment cannot be built.
        subprocess.CalledProcessError: the patch set cannot be applied or is not what is installed.
    """
    python = interpreter(name)
    for command in ("apply", "verify"):
        apply_patches(command, "--python", str(python))
    return python


def apply_patches(*arguments: str) -> None:
    """Run the patch tool from the working tree; its output goes to standard error.

    Raises:
        subprocess.CalledProcessError: it exits with another code than 0.
    """
    launcher = ROOT / "tools" / "apply_patches.py"
    subprocess.run([interpreter("dev"), launcher, *arguments], check=True, stdout=sys.stderr)
