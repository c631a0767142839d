"""A GRPO training by the recipe for CPUs, in processes of its own, with its log kept."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ROOT / "recipes" / "cpu_grpo.sh"
LINES_OF_A_FAILURE = 30


class TrainingError(Exception):
    """The training ended with another exit code than 0."""


@dataclass(frozen=True)
class GrpoRun:
    """Where a training reads and writes.

    `folder` gets `log.txt`, and `metrics.jsonl` with a line a step; `reward` is a Python file with
    `compute_score`; `environment` goes beside the variables of this process.
    """

    folder: Path
    model: Path
    data: Path
    reward: Path
    ranks: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """All that the training writes to the console."""
        return self.folder / "log.txt"

    @property
    def metrics_file(self) -> Path:
        """What verl's `file` logger writes."""
        return self.folder / "metrics.jsonl"

    def logged(self) -> list[dict[str, float]]:
        """Return the metrics of the steps that are in the folder."""
        return [json.loads(line)["data"] for line in self._complete_lines()]

    def train(self, steps: int, overrides: Sequence[str] = ()) -> Iterator[dict[str, float]]:
        """Yield the metrics of each step when it is complete.

        Raises:
            TrainingError: it failed; the end of its log is in the message.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.metrics_file.unlink(missing_ok=True)
        with self.log.open("wb") as log, self._start(steps, overrides, log) as process:
            try:
                yield from self._steps_of(process)
            finally:
                process.terminate()
        if process.returncode:
            raise TrainingError(self._failure(process.returncode))

    def _start(
        self, steps: int, overrides: Sequence[str], log: BinaryIO
    ) -> "subprocess.Popen[bytes]":
        command: list[str | Path] = [
            RECIPE,
            "trainer.logger=[console,file]",
            f"trainer.total_training_steps={steps}",
            f"trainer.default_local_dir='{self.folder / 'checkpoints'}'",
            *overrides,
        ]
        return subprocess.Popen(
            command, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT, env=self._variables()
        )

    def _variables(self) -> dict[str, str]:
        scripts = str(Path(sys.executable).parent)
        return {
            **os.environ,
            **self.environment,
            "PATH": os.pathsep.join((scripts, os.environ["PATH"])),
            "PYTHONPATH": self.environment.get("PYTHONPATH", str(ROOT)),
            "MODEL": str(self.model),
            "DATA": str(self.data),
            "REWARD": str(self.reward),
            "RANKS": str(self.ranks),
            "VERL_FILE_LOGGER_PATH": str(self.metrics_file),
        }

    def _steps_of(self, process: "subprocess.Popen[bytes]") -> Iterator[dict[str, float]]:
        seen = 0
        ended = False
        while not ended:
            try:
                process.wait(1)
                ended = True
            except subprocess.TimeoutExpired:
                pass
            logged = self.logged()
            yield from logged[seen:]
            seen = len(logged)

    def _complete_lines(self) -> list[str]:
        if not self.metrics_file.exists():
            return []
        text = self.metrics_file.read_text()
        return text[: text.rfind("\n") + 1].splitlines()

    def _failure(self, code: int) -> str:
        end = self.log.read_text(errors="replace").splitlines()[-LINES_OF_A_FAILURE:]
        return "\n".join([f"The training ended with exit code {code}; {self.log} ends with:", *end])
