"""The command `train`, and the run of verl behind it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import click
import torch
from transformers import AutoConfig, AutoTokenizer

from specroll_scorer.commands.json_report import JSON, report
from specroll_scorer.commands.served_model_options import (
    engine_options,
    served_model,
    target_options,
)
from specroll_scorer.folder_settings import SettingsError, keep_settings
from specroll_scorer.model.scoring_actor import (
    AutoModelForSPDScoring,
    ScorerError,
    ScoringModelConfig,
)
from specroll_scorer.serving.vllm_server import EngineError
from specroll_scorer.training import run_metrics
from specroll_scorer.verl_fsdp_workers import checkpoint
from specroll_scorer.verl_fsdp_workers.overrides import Run, key_of, merged, needed, on_a_cpu
from specroll_scorer.whole_files import beside

FILE = click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path)
FOLDER = click.Path(file_okay=False, resolve_path=True, path_type=Path)
NOT_NEGATIVE = click.IntRange(0)
POSITIVE = click.IntRange(1)


class TrainingError(Exception):
    """What was asked for cannot be trained."""


FAILURES = (TrainingError, EngineError, SettingsError, checkpoint.CheckpointError)


def run_training(overrides: Sequence[str]) -> None:
    """Train with verl's `main_ppo`, configured by its own defaults and these overrides.

    Raises:
        TrainingError: an override that verl's configuration does not take, or a run that failed.
    """
    # Imported here: it takes seconds, and `--help` should not.
    import ray
    from hydra import compose, initialize_config_module
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from ray.exceptions import RayError
    from verl.trainer.main_ppo import run_ppo

    with initialize_config_module("verl.trainer.config", version_base=None):
        try:
            config = compose("ppo_trainer", overrides=list(overrides))
        except (HydraException, OmegaConfBaseException) as error:
            raise TrainingError(f"verl does not take these overrides: {error}") from error
    try:
        run_ppo(config)
    except RayError as error:
        click.echo(error, err=True)
        cause = getattr(error, "cause", error)
        raise TrainingError(f"the training ended: {type(cause).__name__}: {cause}") from error
    finally:
        # What workers still have to say comes before what this process says last.
        ray.shutdown()


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
def train(
    data: tuple[Path, ...],
    validation: tuple[Path, ...],
    backbone: str,
    lora_rank: int,
    reads_target: bool,
    target: str | None,
    target_url: str | None,
    engine_python: str,
    engine_options: str,
    output: Path,
    steps: int | None,
    seed: int,
    ranks: int,
    json_file: str | None,
    overrides: tuple[str, ...],
) -> None:
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
    refuse_own_keys(overrides)
    model = served_model("target", target, target_url, engine_python, engine_options)
    start = monotonic()
    try:
        new = {"lora_rank": lora_rank, "reads_target": reads_target}
        data_files = [str(file) for file in data]
        scorer = initial_scorer(backbone, output / "initial", seed, **new)
        keep_settings(output, {"data": data_files, "backbone": backbone, "seed": seed, **new})
        with model.endpoint(output / "engine.log") as endpoint:
            run = Run(data, validation, scorer, endpoint.url, output, run_metrics.next_part(output))
            environment = [] if torch.accelerator.is_available() else on_a_cpu(ranks)
            defaults = [*needed(run, steps, seed), *environment]
            try:
                # What verl and its workers print is no result.
                with contextlib.redirect_stdout(sys.stderr):
                    run_training(merged(defaults, overrides))
            finally:
                run_metrics.join(output)
        scorer = save_scorer(output)
    except FAILURES as error:
        raise click.ClickException(str(error)) from error
    found = {
        "scorer": str(scorer),
        "steps": checkpoint.latest_step(output / "checkpoints"),
        "wall_s": monotonic() - start,
    }
    report(f"{found['steps']} steps in {found['wall_s']:.0f} s: {scorer}", found, json_file)


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


def initial_scorer(backbone: str, folder: Path, seed: int, **new: Any) -> Path:
    """Folder of the scorer that training starts from, with its tokenizer; made once.

    Args:
        backbone: a decoder, which gets adapters and a head, or a scorer, which is taken as it is.
        folder: where it is kept.
        seed: of new adapters and a new head.
        new: what adapters and head are to be, see `ScoringModelConfig`.

    Raises:
        TrainingError: the backbone cannot be loaded.
    """
    if folder.exists():
        return folder
    torch.manual_seed(seed)
    try:
        is_scorer = isinstance(AutoConfig.from_pretrained(backbone), ScoringModelConfig)
        model = AutoModelForSPDScoring.from_pretrained(backbone, **({} if is_scorer else new))
        tokenizer = AutoTokenizer.from_pretrained(backbone)
    # KeyError: a scorer has no kind of tokenizer that transformers would look for.
    except (KeyError, OSError, ScorerError, ValueError) as error:
        raise TrainingError(
            f"no backbone and its tokenizer can be loaded from {backbone}: {error}"
        ) from error
    unfinished = beside(folder)
    model.save_pretrained(unfinished)
    tokenizer.save_pretrained(unfinished)
    unfinished.rename(folder)
    return folder


def save_scorer(output: Path) -> Path:
    """Write the scorer of the latest checkpoint where other commands look for it.

    Raises:
        CheckpointError: there is no checkpoint.
    """
    scorer = checkpoint.scorer(checkpoint.latest(output / "checkpoints"))
    scorer.save_pretrained(output / "scorer")
    AutoTokenizer.from_pretrained(output / "initial").save_pretrained(output / "scorer")
    return output / "scorer"
