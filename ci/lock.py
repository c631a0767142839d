#!/usr/bin/env python3
"""Resolves the locks of the environments anew, or checks that all environments resolve.

    python3 ci/lock.py [NAME]     # writes the lock of one environment, or all
    python3 ci/lock.py --check    # writes nothing; also those that have no lock

What is asked for stands in pyproject.toml (dev) and in the stack's stack.toml (the others).
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ci.environment import (
    PYTHON_VERSION,
    BuildError,
    Environment,
    environments,
    find,
    full_name,
    names,
    uv,
)
from testing.registry import ROOT, stacks

PIN = re.compile(r"^[A-Za-z0-9][\w.-]*==[^\s;\\]+", re.MULTILINE)
AT_A_TIME = 4


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", nargs="?", choices=names(), help="one environment; else all")
    parser.add_argument("--check", action="store_true", help="write nothing, compare all")
    chosen = parser.parse_args()
    try:
        if chosen.check:
            sys.exit(report(faults()))
        for environment in [find(chosen.name)] if chosen.name else environments().values():
            print(f"Resolving {environment.name} …", file=sys.stderr)
            write(environment)
    except BuildError as error:
        sys.exit(f"ci/lock.py: {error}")


def write(environment: Environment) -> None:
    """Write the lock of one environment, with a hash for each artefact.

    Raises:
        BuildError: it does not resolve.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "lock.txt"
        resolve(requested(environment.name, Path(folder)), output, "--generate-hashes")
        environment.lock.parent.mkdir(parents=True, exist_ok=True)
        environment.lock.write_text(output.read_text())


def faults() -> dict[str, str]:
    """Return what is wrong with each environment of every stack, and `dev`; empty is nothing."""
    known = ["dev", *(full_name(name, stack) for stack in stacks() for name in stack.environments)]
    uv()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return dict(zip(known, pool.map(fault, known), strict=True))


def fault(name: str) -> str:
    """Return what is wrong with one environment: it does not resolve, or not to its lock.

    The pins of the lock are preferred, so that a new release of anything changes nothing. Hashes
    are not compared: a release can get more files.
    """
    locked = environments().get(name)
    if locked and not locked.lock.exists():
        return f"has no lock yet; write it with `ci/lock.py {name}`"
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "lock.txt"
        if locked:
            shutil.copyfile(locked.lock, output)
        try:
            resolve(requested(name, Path(folder)), output)
        except BuildError as error:
            return str(error)
        if locked and pins(output) != pins(locked.lock):
            changed = ", ".join(sorted(pins(output) ^ pins(locked.lock)))
            return f"differs from its lock in {changed}; write it anew with `ci/lock.py {name}`"
    return ""


def report(found: Mapping[str, str]) -> int:
    """Print how each environment is; return the exit code."""
    for name, reason in found.items():
        print(f"{name}: {reason or 'resolves'}")
    return int(any(found.values()))


def resolve(request: list[str | Path], output: Path, *options: str) -> None:
    """Write the pins of all packages that a request leads to.

    Raises:
        BuildError: there are none that fit; it holds what uv says.
    """
    words: list[str | Path] = [uv(), "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    words += ["--python-version", PYTHON_VERSION, *options, *request, "--output-file", output]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"uv finds no releases that fit: {done.stderr.strip()}")


def requested(name: str, folder: Path) -> list[str | Path]:
    """Return uv's arguments for what an environment asks for; a folder holds their files."""
    if name == "dev":
        return [ROOT / "pyproject.toml", "--group", f"{ROOT / 'pyproject.toml'}:dev"]
    table = registered(name)
    requirements, overrides = folder / "requirements.in", folder / "overrides.txt"
    requirements.write_text("\n".join(table["requirements"]) + "\n")
    overrides.write_text("\n".join(table.get("overrides", ())) + "\n")
    platform = ["--python-platform", table["platform"]] if "platform" in table else []
    return [requirements, "--overrides", overrides, *platform]


def registered(name: str) -> Mapping[str, Any]:
    """Return what the registry says of a stack's environment."""
    tables = {
        full_name(short, stack): table
        for stack in stacks()
        for short, table in stack.environments.items()
    }
    return tables[name]


def pins(lock: Path) -> frozenset[str]:
    """Return the pinned packages of a lock, `name==version`."""
    return frozenset(PIN.findall(lock.read_text()))


if __name__ == "__main__":
    main()
