#!/usr/bin/env python3
"""Runs vLLM-Ascend's own unit tests on an emulated NPU: as upstream has it, and patched.

    python3 ci/upstream_tests.py emulated_npu --json upstream_tests.json

Fails where a test passes for the one and not for the other. Executed on an emulated device, never
tested on Ascend hardware.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from environment import ROOT, BuildError, interpreter
from npu_emulator import ENVIRONMENTS, PYTHONPATH, emulated_interpreter

STACKS = dict(zip(ENVIRONMENTS, ("2026.09", "2025.11"), strict=True))
# vLLM-Ascend compares versions with ==, and the CPU build's says that it is one.
VLLM_VERSIONS = {"2026.09": "0.23.0", "2025.11": "0.11.0"}
FOLDERS = ("sample", "spec_decode", "worker")
PROGRAMS = ROOT / "testing/npu_emulator/programs"
OUTCOMES = {"failure": "failed", "error": "failed", "skipped": "skipped"}

Outcomes = dict[str, str]


def main() -> None:
    """Run the tests of one environment twice and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=ENVIRONMENTS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcomes here")
    arguments = parser.parse_args()
    try:
        before, after = both(arguments.name)
    except (BuildError, subprocess.CalledProcessError) as error:
        sys.exit(f"ci/upstream_tests.py: {error}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"upstream": before, "patched": after}, indent=1))
    sys.exit(report(before, after))


def both(name: str) -> tuple[Outcomes, Outcomes]:
    """Outcomes of each test with upstream's packages, and with the patched ones.

    Raises:
        BuildError: the environment or the emulator cannot be built.
        subprocess.CalledProcessError: patches or upstream's files cannot be had.
    """
    python, stack = emulated_interpreter(name), STACKS[name]
    command = [interpreter("dev"), "-m", "testing.upstream_source", stack]
    asked = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    upstream = Path(asked.stdout.strip())
    paths = (f"{upstream / 'packages'}:{PYTHONPATH}:{upstream}", f"{PYTHONPATH}:{upstream}")
    variables = {
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "VLLM_VERSION": VLLM_VERSIONS[stack],
    }
    before, after = (
        outcomes(python, upstream, {**os.environ, **variables, "PYTHONPATH": path})
        for path in paths
    )
    return before, after


def outcomes(python: Path, upstream: Path, environment: dict[str, str]) -> Outcomes:
    """Run upstream's tests; their names and how they went."""
    tests = [f"tests/ut/{name}" for name in FOLDERS if (upstream / "tests/ut" / name).exists()]
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.xml"
        options = ["--continue-on-collection-errors", "--tb=no", "-q", "-rN", "-pno:cacheprovider"]
        command = [python, "-m", "pytest", *options, f"--junitxml={result}", *tests]
        subprocess.run(command, cwd=upstream, env=environment, check=False, stdout=sys.stderr)
        if not result.exists():
            raise BuildError(f"pytest ended without a result in {upstream}: see what it said")
        return dict(map(outcome, ElementTree.parse(result).iter("testcase")))


def outcome(case: ElementTree.Element) -> tuple[str, str]:
    """The name of a test and how it went."""
    found = next((OUTCOMES[part.tag] for part in case if part.tag in OUTCOMES), "passed")
    return f"{case.get('classname')}.{case.get('name')}", found


def report(before: Outcomes, after: Outcomes) -> int:
    """Say how many went how, and which went otherwise; the exit code."""
    for title, found in (("upstream", before), ("patched", after)):
        counts = Counter(found.values())
        print(f"{title}: " + ", ".join(f"{counts[key]} {key}" for key in sorted(counts)))
    lost = [test for test, how in before.items() if how == "passed" and after.get(test) != how]
    for test in lost:
        print(f"passes with upstream's packages, not with the patched ones: {test}")
    return 1 if lost or "passed" not in before.values() else 0


if __name__ == "__main__":
    main()
