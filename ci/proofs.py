#!/usr/bin/env python3
"""Proves the patches of a stack: the tests that they name pass with them, and fail without them.

    python3 ci/proofs.py STACK
    python3 ci/proofs.py STACK --patch bugfix-allowed_tokens --json

Each test runs in the environment that the stack runs it in, with the whole patch set and then with
one patch missing. What is proven is kept in patches/STACK/proofs.json with the hash of the patch,
and is not run again until the patch has changed. Interrupted, the same command goes on.

Exits 0 where all is proven, 1 where something is not.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from ci.environment import BuildError
from ci.proving import environments
from ci.proving.prover import PROVEN, Prover, UnknownPatchError, pending
from ci.proving.records import RecordsError
from testing.registry import stack, stacks

INTERRUPTED = 130
SECONDS_A_MINUTE = 60

FAILURES = (UnknownPatchError, BuildError, RecordsError, OSError, subprocess.CalledProcessError)


def prove(wanted: argparse.Namespace) -> int:
    """Prove what the command line asks for, print it, and return the exit code."""
    chosen = stack(wanted.stack)
    patches = pending(chosen, wanted.patch)
    if patches:
        environments.lock_missing(chosen)
    found = []
    for verdict in Prover(chosen, patches, wanted.limit * SECONDS_A_MINUTE).verdicts():
        found.append(verdict)
        if not wanted.json:
            print(f"{verdict.word:<11} {verdict.patch}: {verdict.said}", flush=True)
    proven = sum(verdict.word == PROVEN for verdict in found)
    counts = f"{proven} proven now, {len(found) - proven} not"
    summary = counts if patches else "nothing to do: all of it was proven before"
    facts = {"stack": chosen.name, "summary": summary, "patches": [asdict(each) for each in found]}
    print(json.dumps(facts, indent=2, sort_keys=True) if wanted.json else summary)
    return int(proven < len(found))


def parsed() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [each.name for each in stacks()]
    parser.add_argument("stack", choices=names, metavar="STACK", help="such as " + names[-1])
    parser.add_argument("--patch", action="append", default=[], help="only this; repeatable")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    parser.add_argument(
        "--limit", type=float, default=30, metavar="MINUTES", help="for one proof (default: 30)"
    )
    return parser.parse_args()


def main() -> None:
    """Do what the command line says."""
    wanted = parsed()
    try:
        sys.exit(prove(wanted))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except FAILURES as error:
        sys.exit(f"ci/proofs.py: {error}")


if __name__ == "__main__":
    # What hangs must not outlive it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
