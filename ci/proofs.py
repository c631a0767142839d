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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ci import proof_environments, proof_records
from ci.environment import BuildError
from ci.proof_records import Record, RecordsError
from ci.proof_runs import FAILED, PASSED, Outcome, Runner
from ci.provable_patches import ProvablePatch, provable_patches
from testing.registry import Stack, stack, stacks

INTERRUPTED = 130
SECONDS_A_MINUTE = 60
PROVEN, SUPERFLUOUS, NOT_CARRIED, NO_PROOF = "proven", "superfluous", "not carried", "no proof"

Outcomes = Mapping[str, Outcome]


class UnknownPatchError(Exception):
    """A name is that of no patch with a proof."""


FAILURES = (UnknownPatchError, BuildError, RecordsError, OSError, subprocess.CalledProcessError)


@dataclass(frozen=True)
class Verdict:
    """What the proofs of a patch say of it, in a word and in a sentence."""

    patch: str
    word: str
    said: str


class Prover:
    """Proves patches of a stack one after the other, and records each that is proven.

    For example `list(Prover(stack("1.0"), patches, limit=600.0).verdicts())`, of patches without a
    record, with `patches/1.0/proofs.json` written in the end.
    """

    def __init__(self, stack: Stack, patches: Sequence[ProvablePatch], limit: float) -> None:
        """Prepare nothing yet."""
        self._stack = stack
        self._patches = patches
        self._limit = limit
        self._runners: dict[str, Runner] = {}

    def verdicts(self) -> Iterator[Verdict]:
        """Yield what is found out of each patch.

        Raises:
            BuildError: an environment cannot be made.
            RecordsError: the file of the records is damaged.
            OSError: something cannot be read, written or started.
            subprocess.CalledProcessError: the patch set cannot be applied.
        """
        with_all = self._with_all()
        for number, patch in enumerate(self._patches, 1):
            broken = fault(patch, with_all)
            yield broken or self._without(patch, f"{number} of {len(self._patches)}")

    def _with_all(self) -> Outcomes:
        """Run all proofs with the whole patch set: what can be run together, in one call."""
        found: dict[str, Outcome] = {}
        for (name, folder), proofs in self._calls(self._patches).items():
            say(f"{len(proofs)} of {folder} with all patches in {name} …")
            found |= self._runner(name).run(proofs)
        return found

    def _without(self, patch: ProvablePatch, place: str) -> Verdict:
        """Run the proofs of a patch where it is missing, and record what happens."""
        found: dict[str, Outcome] = {}
        missing: list[str] = []
        for (name, folder), proofs in self._calls([patch]).items():
            say(f"{place}: {len(proofs)} of {folder} without {patch.path} in {name} …")
            runner = self._runner(name)
            with proof_environments.without(patch, runner.python) as (python, lacking):
                found |= Runner(python, self._limit, runner.variables).run(proofs)
            missing = lacking
        verdict = judged(patch, found, missing)
        if verdict.word == PROVEN:
            said = {proof: outcome.said for proof, outcome in found.items()}
            self._record(patch, Record(patch.sha256, missing, said))
        return verdict

    def _record(self, patch: ProvablePatch, record: Record) -> None:
        """Write the record of a patch beside those of others that are still true."""
        records = proof_records.read(self._stack.folder)
        known = proof_records.of_patches(records, provable_patches(self._stack))
        proof_records.write(self._stack.folder, {**known, patch.path: record})

    def _calls(self, patches: Sequence[ProvablePatch]) -> dict[tuple[str, str], list[str]]:
        """Return the proofs of patches, each once, by their environment and folder.

        Each folder of `tests/` gives its processes other variables.
        """
        found: dict[tuple[str, str], list[str]] = {}
        for patch in patches:
            for proof in patch.proofs:
                name = proof_environments.environment_of(self._stack, patch, proof)
                folder = "/".join(Path(proof.partition("::")[0]).parts[:2])
                proofs = found.setdefault((name, folder), [])
                if proof not in proofs:
                    proofs.append(proof)
        return found

    def _runner(self, name: str) -> Runner:
        """Return what proofs are run with in an environment, which is prepared once."""
        if name not in self._runners:
            python, variables = proof_environments.prepared(name)
            self._runners[name] = Runner(python, self._limit, variables)
        return self._runners[name]


def fault(patch: ProvablePatch, with_all: Outcomes) -> Verdict | None:
    """Return what is wrong with a patch's proofs where no patch is missing, None if nothing is."""
    for proof in patch.proofs:
        outcome = with_all[proof]
        if outcome.how == FAILED:
            return Verdict(patch.path, NOT_CARRIED, f"{proof} {outcome.said}, with all patches")
        if outcome.how != PASSED:
            return Verdict(patch.path, NO_PROOF, f"{proof} {outcome.said}, with all patches")
    return None


def judged(patch: ProvablePatch, found: Outcomes, missing: Sequence[str]) -> Verdict:
    """Return what proofs say that pass with the patch, and went so without it."""
    idle = [proof for proof, outcome in found.items() if outcome.how != FAILED]
    if not idle:
        said = "; ".join(dict.fromkeys(outcome.said for outcome in found.values()))
        others = len(missing) - 1
        beside = f" (and without {others} after it that build on it)" if others else ""
        return Verdict(patch.path, PROVEN, f"without it, its proof {said}{beside}")
    passing = all(found[proof].how == PASSED for proof in found)
    word = SUPERFLUOUS if patch.is_bugfix and passing else NO_PROOF
    return Verdict(patch.path, word, f"{idle[0]} {found[idle[0]].said} without it")


def pending(stack: Stack, names: Sequence[str]) -> list[ProvablePatch]:
    """Return the patches that are named, or all, of which nothing is recorded.

    Raises:
        UnknownPatchError: a name is that of no patch with a proof.
        RecordsError: the file of the records is damaged.
        OSError: a patch cannot be read.
    """
    patches = provable_patches(stack)
    for name in names:
        if not any(patch.is_named(name) for patch in patches):
            raise UnknownPatchError(f"no patch {name!r} of stack {stack.name} names a proof")
    known = proof_records.of_patches(proof_records.read(stack.folder), patches)
    chosen = [patch for patch in patches if not names or any(map(patch.is_named, names))]
    return [patch for patch in chosen if patch.path not in known]


def prove(wanted: argparse.Namespace) -> int:
    """Prove what the command line asks for, print it, and return the exit code."""
    chosen = stack(wanted.stack)
    patches = pending(chosen, wanted.patch)
    if patches:
        proof_environments.lock_missing(chosen)
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


def say(text: str) -> None:
    """Tell on standard error what takes long now."""
    print(text, file=sys.stderr, flush=True)


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
