"""One experiment with a scorer: from prompts to what its decisions gain and cost."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.lib.scorer.commands import run_once
from demo import scorer_tasks

SPLITS = "train", "settings", "report"

# A solution of a task has up to 37 words, a problem 11.
DRAFT_TOKENS = 40
CONTEXT_TOKENS = 16
ENGINE_OPTIONS = "--enforce-eager --dtype float32 --max-model-len 128"

PENALTY = "+actor_rollout_ref.actor.policy_loss.accept_logit_penalty"
OVERRIDES = (
    "data.train_batch_size=64",
    f"data.max_prompt_length={CONTEXT_TOKENS}",
    f"data.max_response_length={DRAFT_TOKENS}",
    "actor_rollout_ref.actor.ppo_mini_batch_size=64",
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=256",
    "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=256",
    "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=256",
    "actor_rollout_ref.actor.optim.lr=3e-3",
    f"+reward_model.reward_kwargs.max_completion_tokens={DRAFT_TOKENS}",
    # Steps end the run, not epochs.
    "trainer.total_epochs=1000",
)

Found = dict[str, Any]
Words = list[str | int | Path]


@dataclass(frozen=True)
class Experiment:
    """What is trained, and in which folder; all that is made there is kept.

    Example: ``Experiment("easy", 60, 0.03, False, Path("kept")).measured([0, 1, 2])``.

    Attributes:
        task: name in `scorer_tasks.TASKS`.
        steps: training steps.
        penalty: weight of the L2 penalty on accept logits; 0: plain GRPO.
        reads_target: whether the scorer's head sees the target's choices.
        folder: rows lie in it, and a folder for the runs of each setting.
    """

    task: str
    steps: int
    penalty: float
    reads_target: bool
    folder: Path

    @property
    def runs_folder(self) -> Path:
        """Folder of all seeds' runs, and of the pictures."""
        name = f"{self.task}-steps-{self.steps}-penalty-{self.penalty:g}"
        return self.folder / (f"{name}-reads-target" if self.reads_target else name)

    def run_folder(self, seed: int) -> Path:
        """Return the folder of a seed's run."""
        return self.runs_folder / f"seed-{seed}"

    def measured(self, seeds: Sequence[int]) -> Found:
        """Go through all that is not done, and return what `eval` found for each seed.

        Returns:
            `by_seed`, a list of what `eval` says, each with `seed`, `steps` and the run's `wall_s`;
            and `wall_s` of all, in seconds, the making of the models included.

        Raises:
            CommandError: a command failed.
            OSError: the models cannot be made.
        """
        start = time.monotonic()
        models = scorer_tasks.path(self.task)
        seconds = [time.monotonic() - start]
        seconds += [self._prepare(split, models) for split in SPLITS]
        by_seed = [self._run(seed, models / "target") for seed in seeds]
        seconds += [each["wall_s"] for each in by_seed]
        return {"by_seed": by_seed, "wall_s": sum(seconds)}

    def _rows(self, split: str) -> Path:
        return self.folder / f"{self.task}-{split}.parquet"

    def _prepare(self, split: str, models: Path) -> float:
        """Make the rows of a split; outcomes only where something is measured."""
        arguments: Words = ["prepare", "--prompts", models / f"{split}.jsonl"]
        arguments += ["--draft", models / "draft", "--target", models / "target"]
        arguments += ["--draft-tokens", DRAFT_TOKENS, "--max-tokens", DRAFT_TOKENS]
        arguments += ["--engine-options", ENGINE_OPTIONS, "--output", self._rows(split)]
        outcomes = [] if split == "train" else ["--outcomes"]
        return run_once([*arguments, *outcomes], self._rows(split))

    def _run(self, seed: int, target: Path) -> Found:
        folder = self.run_folder(seed)
        arguments: Words = ["train", "--data", self._rows("train")]
        arguments += ["--validation", self._rows("settings"), "--output", folder]
        arguments += ["--backbone", target, "--target", target]
        arguments += ["--engine-options", ENGINE_OPTIONS, "--steps", self.steps, "--seed", seed]
        arguments += ["--reads-target"] if self.reads_target else []
        arguments += [*OVERRIDES, f"{PENALTY}={self.penalty:g}"]
        seconds = run_once(arguments, folder / "scorer", self.steps)
        found = folder / "evaluation.json"
        arguments = ["eval", "--scorer", folder / "scorer", "--data", self._rows("report")]
        seconds += run_once([*arguments, "--json", found], found)
        about = {"seed": seed, "steps": self.steps, "wall_s": seconds}
        return {**json.loads(found.read_text()), **about}
