#!/usr/bin/env python3
"""Resolves the locks of the environments anew: `python3.11 ci/lock.py [NAME]`.

What is asked for stands in pyproject.toml (dev) and in the stack's stack.toml (the others).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import tomllib
from environment import LOCKS, PYTHON_VERSION, ROOT, BuildError, run, uv


def resolve(name: str) -> None:
    """Write the lock of one environment, with a hash for each artefact."""
    with tempfile.TemporaryDirectory() as folder:
        if name == "dev":
            sources = [ROOT / "pyproject.toml", "--group", f"{ROOT / 'pyproject.toml'}:dev"]
        else:
            sources = stack_sources(name, Path(folder))
        output = Path(folder) / "lock.txt"
        run(
            *(uv(), "pip", "compile", "--quiet", "--no-header", "--no-annotate"),
            *("--python-version", PYTHON_VERSION, "--generate-hashes"),
            *(*sources, "--output-file", output),
        )
        LOCKS[name].write_text(output.read_text())


def stack_sources(name: str, folder: Path) -> list[str | Path]:
    """Requirements and overrides of a stack's environment, as files that uv reads."""
    lock = LOCKS[name]
    stack = tomllib.loads((lock.parents[1] / "stack.toml").read_text())
    environment = stack["environments"][lock.stem]
    requirements, overrides = folder / "requirements.in", folder / "overrides.txt"
    requirements.write_text("\n".join(environment["requirements"]) + "\n")
    overrides.write_text("\n".join(environment["overrides"]) + "\n")
    return [requirements, "--overrides", overrides]


def main() -> None:
    """Resolve the locks that the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", choices=sorted(LOCKS))
    chosen = parser.parse_args().name
    for name in [chosen] if chosen else LOCKS:
        print(f"Resolving {name} …", file=sys.stderr)
        try:
            resolve(name)
        except BuildError as error:
            sys.exit(f"ci/lock.py: {error}")


if __name__ == "__main__":
    main()
