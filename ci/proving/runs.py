"""Runs of proofs in an environment: how each of them went, and why it failed."""

from __future__ import annotations

import signal
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ci.outcomes import read_outcomes, read_reasons
from ci.proving.contained import run_contained
from testing.registry import ROOT

OPTIONS = ("--tb=no", "--no-summary", "--disable-warnings", "-q", "-pno:cacheprovider")
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
PASSED, FAILED, SKIPPED, UNTOLD = "passed", "failed", "skipped", "untold"


@dataclass(frozen=True)
class Outcome:
    """How a proof went.

    Attributes:
        how: `passed`, `failed`, `skipped`, or `untold` where pytest says nothing of it.
        said: The same in words, as what the proof does.
    """

    how: str
    said: str


@dataclass(frozen=True)
class Runner:
    """What proofs are run with.

    Attributes:
        python: The environment's interpreter.
        limit: The seconds that one proof may take.
        variables: What its processes find beside the variables of this one.
        root: Where the tests lie.
    """

    python: Path
    limit: float
    variables: Mapping[str, str] = field(default_factory=dict)
    root: Path = ROOT

    def run(self, proofs: Sequence[str]) -> dict[str, Outcome]:
        """Run proofs in one call of pytest; those that it says nothing of again, each alone.

        Raises:
            OSError: the interpreter cannot start.
        """
        found = self._called(proofs)
        for proof in proofs:
            if found[proof].how == UNTOLD and len(proofs) > 1:
                found |= self._called([proof])
        return found

    def _called(self, proofs: Sequence[str]) -> dict[str, Outcome]:
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "result.xml"
            command = [str(self.python), "-m", "pytest", *OPTIONS, f"--junitxml={result}", *proofs]
            code = run_contained(command, self.root, self.variables, self.limit * len(proofs))
            told, reasons = _told(result)
        rest = _end(code) if len(proofs) == 1 else Outcome(UNTOLD, "is one of several")
        return {proof: of_proof(proof, told, reasons) or rest for proof in proofs}


def _told(result: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return what pytest says of all tests; a process that was ended has said nothing."""
    with suppress(OSError, ElementTree.ParseError):
        return read_outcomes(result), read_reasons(result)
    return {}, {}


def of_proof(proof: str, told: Mapping[str, str], reasons: Mapping[str, str]) -> Outcome | None:
    """Return how a proof went, None where nothing is told of it.

    It has failed where it does so with one of its parameters, or cannot be imported.

    >>> of_proof("tests/a.py::b", {"tests.a.b[1]": "passed", "tests.a.b[2]": "skipped"}, {})
    Outcome(how='passed', said='passes')
    """
    file, _, names = proof.partition("::")
    module = file.removesuffix(".py").replace("/", ".")
    name = f"{module}.{names.replace('::', '.')}"
    own = [each for each in told if each in (name, f".{module}") or each.startswith(f"{name}[")]
    for each in own:
        if told[each] == FAILED:
            return Outcome(FAILED, f"fails: {reasons[each]}")
    hows = {told[each] for each in own}
    if PASSED in hows:
        return Outcome(PASSED, "passes")
    return Outcome(SKIPPED, "is skipped") if hows else None


def _end(code: int | None) -> Outcome:
    """Return the outcome of a proof of which pytest tells nothing, by how its process ended."""
    if code is None:
        return Outcome(FAILED, "does not end")
    if code < 0:
        # Others come from outside: the system ends what takes too much memory.
        how = FAILED if -code in CRASHES else UNTOLD
        return Outcome(how, f"ends with {signal.Signals(-code).name}")
    return Outcome(UNTOLD, f"does not run (pytest ends with {code})")
