"""The distribution's own prover, which says whether tests need the patches that they prove."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from specroll.errors import RequestError
from specroll.stack.distribution import Distribution

# What a distribution may have; the tool knows no more of it than this and what it prints.
PROGRAM = Path("ci/proofs.py")
NOT_PROVEN = 1


@dataclass(frozen=True)
class Proofs:
    """What the prover says.

    Attributes:
        lines: A word and a sentence for each patch.
        exit_code: 0 where all patches are proven.
        summary: The same in a few words.
    """

    lines: list[tuple[str, str]]
    exit_code: int
    summary: str


@dataclass(frozen=True)
class Prover:
    """The program of a distribution that runs what the trailers `Proof` of a stack name.

    Called as `PROGRAM STACK --json`, it tells its progress on standard error, and prints an object:
    `patches`, a list of objects with `word`, `patch` and `said`, and `summary`. It exits 0 where
    all is proven.
    """

    program: Path

    @classmethod
    def of(cls, distribution: Distribution) -> Prover:
        """Return the prover of a distribution.

        Raises:
            RequestError: it has none.
        """
        program = distribution.root / PROGRAM
        if not program.is_file():
            raise RequestError(
                f"{program} does not exist, so nothing is proven; leave out --prove."
            )
        return cls(program)

    def prove(self, stack: str) -> Proofs:
        """Run the proofs of a stack, and return what they say."""
        command = [sys.executable, str(self.program), stack, "--json"]
        exit_code, output = _run(command)
        try:
            facts = json.loads(output)
            lines = [
                (each["word"], f"{each['patch']}: {each['said']}") for each in facts["patches"]
            ]
            summary = str(facts["summary"])
        except (ValueError, TypeError, KeyError):
            again = f"`{self.program} {stack}`"
            summary = f"nothing is proven, since {again} ended with {exit_code}; see above"
            return Proofs([], NOT_PROVEN, summary)
        return Proofs(lines, int(exit_code != 0), summary)


def _run(command: list[str]) -> tuple[int, bytes]:
    """Run a program; return its exit code and what it prints.

    Somebody who stops this process stops that one too, and waits for it: `subprocess.run` would end
    it by force, and what it runs would go on.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            process.terminate()
            process.wait()
            raise
    return process.returncode, output
