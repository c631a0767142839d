"""What proofs say of patches: run with the whole patch set, and then with one patch missing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from specroll.stack.patch_names import is_named

from ci.proving import environments, records
from ci.proving.patches import ProvablePatch, provable_patches
from ci.proving.records import Record
from ci.proving.runs import FAILED, PASSED, Outcome, Runner
from testing.registry import Stack

PROVEN, SUPERFLUOUS, NOT_CARRIED, NO_PROOF = "proven", "superfluous", "not carried", "no proof"

Outcomes = Mapping[str, Outcome]


class UnknownPatchError(Exception):
    """A name is that of no patch with a proof."""


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
            with environments.without(patch, runner.python) as (python, lacking):
                found |= Runner(python, self._limit, runner.variables).run(proofs)
            missing = lacking
        verdict = judged(patch, found, missing)
        if verdict.word == PROVEN:
            said = {proof: outcome.said for proof, outcome in found.items()}
            self._record(patch, Record(patch.sha256, missing, said))
        return verdict

    def _record(self, patch: ProvablePatch, record: Record) -> None:
        """Write the record of a patch beside those of others that are still true."""
        found = records.read(self._stack.folder)
        known = records.of_patches(found, provable_patches(self._stack))
        records.write(self._stack.folder, {**known, patch.path: record})

    def _calls(self, patches: Sequence[ProvablePatch]) -> dict[tuple[str, str], list[str]]:
        """Return the proofs of patches, each once, by their environment and folder.

        Each folder of `tests/` gives its processes other variables.
        """
        found: dict[tuple[str, str], list[str]] = {}
        for patch in patches:
            for proof in patch.proofs:
                name = environments.environment_of(self._stack, patch, proof)
                folder = "/".join(Path(proof.partition("::")[0]).parts[:2])
                proofs = found.setdefault((name, folder), [])
                if proof not in proofs:
                    proofs.append(proof)
        return found

    def _runner(self, name: str) -> Runner:
        """Return what proofs are run with in an environment, which is prepared once."""
        if name not in self._runners:
            python, variables = environments.prepared(name)
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
    chosen = set() if names else {patch.path for patch in patches}
    for name in names:
        named = {patch.path for patch in patches if is_named(patch.path, name)}
        if not named:
            raise UnknownPatchError(f"no patch {name!r} of stack {stack.name} names a proof")
        chosen |= named
    known = records.of_patches(records.read(stack.folder), patches)
    return [patch for patch in patches if patch.path in chosen.difference(known)]


def say(text: str) -> None:
    """Tell on standard error what takes long now."""
    print(text, file=sys.stderr, flush=True)
