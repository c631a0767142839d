"""The command that trains a scorer."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import click
import torch
from transformers import AutoTokenizer

from specroll_scorer.commands.json_report import JSON, report
from specroll_scorer.commands.served_model_options import (
    engine_options,
    served_model,
    target_options,
)
from specroll_scorer.folder_settings import SettingsError, keep_settings
from specroll_scorer.model.scoring_actor import ScorerError
from specroll_scorer.serving.vllm_server import EngineError
from specroll_scorer.training import run_metrics
from specroll_scorer.training.initial_scorer import initial_scorer
from specroll_scorer.verl_fsdp_workers import checkpoint
from specroll_scorer.verl_fsdp_workers.overrides import Run, key_of, merged, on_a_cpu
from specroll_scorer.verl_fsdp_workers.training_run import TrainingError, run_training

FILE = click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path)
FOLDER = click.Path(file_okay=False, resolve_path=True, path_type=Path)
NOT_NEGATIVE = click.IntRange(0)
POSITIVE = click.IntRange(1)

FAILURES = (
    checkpoint.CheckpointError,
    EngineError,
    ScorerError,
    SettingsError,
    TrainingError,
)


@dataclass(frozen=True)
class Options:
    """What the command is given, an attribute an option."""

    data: tuple[Path, ...]
    validation: tuple[Path, ...]
    backbone: str
    lora_rank: int
    reads_target: bool
    target: str | None
    target_url: str | None
    engine_python: str
    engine_options: str
    output: Path
    steps: int | None
    seed: int
    ranks: int
    json_file: str | None
    overrides: tuple[str, ...]

    def made_with(self) -> dict[str, Any]:
        """Return what a run in the same folder must have in common."""
        return {
            "data": [str(file) for file in self.data],
            "backbone": self.backbone,
            "seed": self.seed,
            "lora_rank": self.lora_rank,
            "reads_target": self.reads_target,
        }

    def run(self, scorer: Path, completion_url: str) -> Run:
        """Return the run that is asked for, with a file for its metrics.

        Args:
            scorer: folder of the scorer that it starts from.
            completion_url: where the target is served.
        """
        return Run(
            train=self.data,
            validation=self.validation,
            scorer=scorer,
            completion_url=completion_url,
            output=self.output,
            metrics=run_metrics.next_part(self.output),
            steps=self.steps,
            seed=self.seed,
        )


@click.command(context_settings={"show_default": True})
@click.option("--data", multiple=True, required=True, type=FILE, help="Rows to train on.")
@click.option("--validation", multiple=True, required=True, type=FILE, help="Rows to validate on.")
@click.option("--backbone", required=True, metavar="MODEL", help="Decoder, or a scorer.")
@click.option("--lora-rank", type=NOT_NEGATIVE, default=8, help="0 trains the head alone.")
@click.option("--reads-target", is_flag=True, help="A new head sees the target's choices, too.")
@target_options
@engine_options
@click.option("--output", required=True, type=FOLDER, help="For checkpoints and the scorer.")
@click.option("--steps", type=POSITIVE, help="Steps in all.  [default: verl's epochs]")
@click.option("--seed", type=NOT_NEGATIVE, default=0, help="Of weights, rows' order and draws.")
@click.option("--ranks", type=POSITIVE, default=1, help="Workers where there is no accelerator.")
@JSON
@click.argument("overrides", nargs=-1)
def train(**given: Any) -> None:
    """Train a scorer with GRPO on verl.

    OVERRIDES are verl's, in Hydra's grammar; they win over what this command sets. A run that broke
    off is gone on with, from its last checkpoint, by running the same command again.

    OUTPUT/scorer is the scorer, OUTPUT/metrics.jsonl holds the metrics of each step.

    Example:

    \b
      python -m train_spd_scorer train --data train.parquet --validation settings.parquet \\
          --backbone models/target --target models/target --output run \\
          data.train_batch_size=256 actor_rollout_ref.actor.optim.lr=1e-4
    """
    options = Options(**given)
    refuse_own_keys(options.overrides)
    start = monotonic()
    try:
        _train(options)
        scorer = _save_scorer(options.output)
    except FAILURES as error:
        raise click.ClickException(str(error)) from error
    found = {
        "scorer": str(scorer),
        "steps": checkpoint.latest_step(options.output / "checkpoints"),
        "wall_s": monotonic() - start,
    }
    words = f"{found['steps']} steps in {found['wall_s']:.0f} s: {scorer}"
    report(words, found, options.json_file)


def refuse_own_keys(overrides: Sequence[str]) -> None:
    """Refuse, before anything runs, overrides after which the scorer would not be found.

    Raises:
        click.UsageError: there is one.
    """
    for override in overrides:
        key, _, value = override.partition("=")
        if key_of(override) == "trainer.default_local_dir":
            raise click.UsageError(f"{key}: checkpoints lie in OUTPUT/checkpoints, see --output.")
        if key_of(override) == "trainer.save_freq" and not value.lstrip("0").isdigit():
            raise click.UsageError(
                f"{override}: the scorer is that of the last checkpoint; save every 1 step or more."
            )


def _train(options: Options) -> None:
    engine = options.engine_python, options.engine_options
    model = served_model("target", options.target, options.target_url, *engine)
    scorer = initial_scorer(
        options.backbone,
        options.output / "initial",
        seed=options.seed,
        lora_rank=options.lora_rank,
        reads_target=options.reads_target,
    )
    keep_settings(options.output, options.made_with())
    with model.endpoint(options.output / "engine.log") as endpoint:
        defaults = options.run(scorer, endpoint.url).overrides()
        defaults += [] if torch.accelerator.is_available() else on_a_cpu(options.ranks)
        try:
            # What verl and its workers print is no result.
            with contextlib.redirect_stdout(sys.stderr):
                run_training(merged(defaults, options.overrides))
        finally:
            run_metrics.join(options.output)


def _save_scorer(output: Path) -> Path:
    """Write the scorer of the latest checkpoint where other commands look for it."""
    scorer = checkpoint.scorer(checkpoint.latest(output / "checkpoints"))
    scorer.save_pretrained(output / "scorer")
    AutoTokenizer.from_pretrained(output / "initial").save_pretrained(output / "scorer")
    return output / "scorer"
