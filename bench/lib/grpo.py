"""Trainings of the demo's policy with GRPO, as the commands run them."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.lib.output.progress import progress_bar
from demo.rollout_task.files import save_demo
from testing.grpo_run import GrpoRun


@dataclass(frozen=True)
class DemoTask:
    """The folder in which trainings take place, with the policy and the rows that lie there.

    Example: ``DemoTask.prepared(None).run("grpo", REWARD)`` is a training in a new folder.
    """

    folder: Path
    policy: Path
    rows: Path

    @classmethod
    def prepared(cls, folder: Path | None) -> "DemoTask":
        """Write policy and rows into a folder, a new one where None is given."""
        folder = (folder or Path(tempfile.mkdtemp(prefix="grpo-"))).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        policy, rows = save_demo(folder)
        return cls(folder, policy, rows)

    def run(self, name: str, reward: Path, environment: Mapping[str, str] | None = None) -> GrpoRun:
        """Return the training of this name, which keeps its log in a folder of that name."""
        return GrpoRun(
            self.folder / name, self.policy, self.rows, reward, environment=environment or {}
        )


def trained(run: GrpoRun, steps: int, overrides: Sequence[str]) -> list[dict[str, float]]:
    """Train for so many steps, with a progress bar; return the metrics of each.

    Raises:
        TrainingError: the training failed.
    """
    done = []
    with progress_bar(steps, f"GRPO {run.folder.name}", "step") as bar:
        for metrics in run.train(steps, overrides):
            done.append(metrics)
            bar.update(1)
    return done
