#!/usr/bin/env python3
"""Runs upstream's own unit tests on an emulated NPU: with upstream's packages, and patched.

    python3 ci/upstream_tests.py emulated_npu --json upstream_tests.json

Fails where a test passes for the one and not for the other. Which tests are meant stands in the
stack's table `[ci.upstream]`. Executed on an emulated device, never tested on Ascend hardware.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from specroll.cache import cache_folder

from ci.environment import BuildError, Environment, find, full_name, interpreter, names
from ci.npu_emulator import PYTHONPATH, emulated_interpreter
from ci.outcomes import Outcomes, read_outcomes
from testing.registry import ROOT, Stack

EMULATOR = ROOT / "testing/npu_emulator"
# Exit codes of pytest: all tests passed, and some failed. It ends with others before the last test.
ALL_TESTS_RAN = (0, 1)


def main() -> None:
    """Run the tests of one environment twice and compare."""
    known = {name: stack for name in names() if (stack := tested_stack(find(name)))}
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=known, help="such as emulated_npu")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcomes here")
    arguments = parser.parse_args()
    try:
        before, after = both(find(arguments.name), known[arguments.name])
    except (BuildError, subprocess.CalledProcessError) as error:
        sys.exit(f"ci/upstream_tests.py: {error}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"upstream": before, "patched": after}, indent=1))
    sys.exit(report(before, after))


def tested_stack(environment: Environment) -> Stack | None:
    """Return the stack whose upstream's tests run in an environment, None where none do."""
    stack = environment.stack
    if stack is None or "upstream" not in stack.ci:
        return None
    is_theirs = environment.name == full_name(stack.ci["upstream"]["environment"], stack)
    return stack if is_theirs else None


def both(environment: Environment, stack: Stack) -> tuple[Outcomes, Outcomes]:
    """Return how each test goes with upstream's packages, and with the patched ones.

    Raises:
        BuildError: the environment or the emulator cannot be built.
        subprocess.CalledProcessError: patches or upstream's files cannot be had.
    """
    python = emulated_interpreter(environment.name)
    command = (str(interpreter("dev")), "-m", "testing.upstream_source", stack.name)
    asked = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    upstream = Path(asked.stdout.strip())
    kept = cache_folder() / "upstream" / f"outcomes-{deciding_digest(environment.lock, stack)}.json"
    before = kept_outcomes(kept)
    if before is None:
        path = f"{upstream / 'packages'}:{PYTHONPATH}:{upstream}"
        before, exit_code = outcomes(python, stack, upstream, path)
        if exit_code in ALL_TESTS_RAN:
            keep(before, kept)
        else:
            print(f"pytest ended with {exit_code}: its outcomes are not kept", file=sys.stderr)
    after, _ = outcomes(python, stack, upstream, f"{PYTHONPATH}:{upstream}")
    return before, after


def kept_outcomes(file: Path) -> Outcomes | None:
    """Return the outcomes in a file, None where there is none."""
    try:
        found: Outcomes = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    return found


def keep(found: Outcomes, file: Path) -> None:
    """Write outcomes to a file: other processes see all of it, or no file."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        whole = Path(folder) / file.name
        whole.write_text(json.dumps(found))
        whole.replace(file)


def deciding_digest(lock: Path, stack: Stack) -> str:
    """Return a digest of all that decides how upstream's tests go with upstream's packages.

    These are what is installed, the wheels and the tests that the stack pins, and the emulator.
    """
    packages = [package["variants"] for package in stack.table["packages"].values()]
    pinned = [stack.ci["upstream"], stack.ci["emulator"], packages]
    digest = hashlib.sha256(lock.read_bytes() + json.dumps(pinned).encode())
    for file in sorted(EMULATOR.rglob("*")):
        if file.is_file() and file.suffix != ".pyc":
            digest.update(str(file.relative_to(EMULATOR)).encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def outcomes(python: Path, stack: Stack, upstream: Path, path: str) -> tuple[Outcomes, int]:
    """Run upstream's tests, with modules from a path; return how they went, and pytest's exit code.

    Raises:
        BuildError: pytest was killed.
    """
    folders = [name for name in stack.ci["upstream"]["folders"] if (upstream / name).exists()]
    variables = {
        "PYTHONPATH": path,
        "PATH": f"{EMULATOR / 'programs'}:{os.environ['PATH']}",
        # vLLM-Ascend compares versions with ==, and the CPU build's says that it is one.
        "VLLM_VERSION": stack.release("vllm"),
    }
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.xml"
        options = ["--continue-on-collection-errors", "--tb=no", "-q", "-rN", "-pno:cacheprovider"]
        command = [python, "-m", "pytest", *options, f"--junitxml={result}", *folders]
        environment = {**os.environ, **variables}
        done = subprocess.run(command, cwd=upstream, env=environment, stdout=sys.stderr)
        code = done.returncode
        if not result.exists():
            raise BuildError(f"pytest ended with {code} and without a result in {upstream}")
        return read_outcomes(result), code


def report(before: Outcomes, after: Outcomes) -> int:
    """Say how many went how, and which went otherwise; return the exit code."""
    for title, found in (("upstream", before), ("patched", after)):
        counts = Counter(found.values())
        print(f"{title}: " + ", ".join(f"{counts[key]} {key}" for key in sorted(counts)))
    lost = [test for test, how in before.items() if how == "passed" and after.get(test) != how]
    for test in lost:
        print(f"passes with upstream's packages, not with the patched ones: {test}")
    return 1 if lost or "passed" not in before.values() else 0


if __name__ == "__main__":
    main()
