"""The command `train`, and the run of verl behind it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import torch

from spd import checkpoint, metrics
from spd.engine import running_engine
from spd.model import AutoModelForSPDScoring
from spd.overrides import Run, merged, needed, on_a_cpu


class TrainingError(Exception):
    """What was asked for cannot be trained."""


def run_training(overrides: Sequence[str]) -> None:
    """Train with verl's `main_ppo`, configured by its own defaults and these overrides.

    Raises:
        TrainingError: an override that verl's configuration does not take.
    """
    # Imported here: it takes seconds, and `--help` should not.
    from hydra import compose, initialize_config_module
    from hydra.errors import HydraException
    from verl.trainer.main_ppo import run_ppo

    with initialize_config_module("verl.trainer.config", version_base=None):
        try:
            config = compose("ppo_trainer", overrides=list(overrides))
        except HydraException as error:
            raise TrainingError(f"verl does not take these overrides: {error}") from error
    run_ppo(config)


def has_accelerator() -> bool:
    """Say whether verl will find a GPU or an NPU."""
    return torch.cuda.is_available() or (hasattr(torch, "npu") and torch.npu.is_available())


def initial_scorer(backbone: str, folder: Path, lora_rank: int, seed: int) -> Path:
    """Folder of a new scorer on a backbone, with its tokenizer; made once.

    Raises:
        TrainingError: the backbone cannot be loaded.
    """
    from transformers import AutoTokenizer

    if (folder / "config.json").exists():
        return folder
    torch.manual_seed(seed)
    try:
        model = AutoModelForSPDScoring.from_pretrained(backbone, lora_rank=lora_rank)
        tokenizer = AutoTokenizer.from_pretrained(backbone)
    except (OSError, ValueError) as error:
        raise TrainingError(f"The backbone {backbone} cannot be loaded: {error}") from error
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


@contextlib.contextmanager
def served(target: str | None, url: str | None, python: str, log: Path) -> Iterator[str]:
    """The address where the target is served: the one given, or that of an engine started here.

    Raises:
        TrainingError: neither or both are given.
        EngineError: the engine does not start.
    """
    if (target is None) == (url is None):
        raise TrainingError("Give either --target MODEL or --completion-url URL")
    if url is not None:
        yield url
        return
    with running_engine(target, log, python=python) as started:
        yield started


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--data", multiple=True, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--validation", multiple=True, required=True, type=click.Path(path_type=Path, exists=True)
)
@click.option("--backbone", required=True, help="Decoder that a new scorer is made on.")
@click.option("--lora-rank", default=8, show_default=True)
@click.option("--target", help="Target model; an engine is started for it.")
@click.option("--completion-url", help="Server of the target, like http://127.0.0.1:8000.")
@click.option("--engine-python", default=sys.executable, help="Interpreter that has vLLM.")
@click.option("--output", required=True, type=click.Path(path_type=Path))
@click.option("--steps", type=click.IntRange(1), help="Steps in all; verl's epochs otherwise.")
@click.option("--seed", default=0, show_default=True)
@click.option("--ranks", default=1, show_default=True, help="Workers on a machine without GPUs.")
@click.option("--json", "report", help="Write a summary as JSON; - is standard output.")
@click.argument("overrides", nargs=-1)
def train(
    data: tuple[Path, ...],
    validation: tuple[Path, ...],
    backbone: str,
    lora_rank: int,
    target: str | None,
    completion_url: str | None,
    engine_python: str,
    output: Path,
    steps: int | None,
    seed: int,
    ranks: int,
    report: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Train a scorer with GRPO.

    OVERRIDES are verl's, like actor_rollout_ref.actor.optim.lr=1e-4; they win over what this command
    sets. A run with checkpoints (trainer.save_freq) that was interrupted goes on from the last one.

    Example: train_spd_scorer train --data train.parquet --validation settings.parquet --backbone
    MODEL --target MODEL --output run trainer.save_freq=20
    """
    output = output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    scorer = initial_scorer(backbone, output / "initial", lora_rank, seed)
    with served(target, completion_url, engine_python, output / "engine.log") as url:
        run = Run(
            [path.resolve() for path in data],
            [path.resolve() for path in validation],
            scorer,
            url,
            output,
            metrics.next_part(output),
        )
        defaults = [
            *needed(run),
            f"data.seed={seed}",
            *([f"trainer.total_training_steps={steps}"] if steps else []),
            *([] if has_accelerator() else on_a_cpu(ranks)),
        ]
        try:
            run_training(merged(defaults, overrides))
        finally:
            metrics.join(output)
    save_scorer(output)
    if report:
        click.open_file(report, "w").write(json.dumps({"scorer": str(output / "scorer")}) + "\n")


def save_scorer(output: Path) -> None:
    """Write the scorer of the latest checkpoint where other commands look for it."""
    folder = checkpoint.latest(output / "checkpoints")
    checkpoint.scorer(folder).save_pretrained(output / "scorer")
