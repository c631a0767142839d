"""Scorers from the checkpoints that verl writes while it trains.

Their files are those of verl/utils/checkpoint/fsdp_checkpoint_manager.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from specroll_scorer.model.config import ScoringModelConfig
from specroll_scorer.model.loading import AutoModelForSPDScoring
from specroll_scorer.model.scoring_actor import ScoringActor

LATEST = "latest_checkpointed_iteration.txt"

Weights = dict[str, Tensor]


class CheckpointError(Exception):
    """A folder does not hold a checkpoint of a scorer."""


def latest_step(folder: Path) -> int | None:
    """Return the step of the latest checkpoint that was written whole; None without any.

    Args:
        folder: of the checkpoints of a run.
    """
    try:
        return int((folder / LATEST).read_text())
    except (OSError, ValueError):
        return None


def latest(folder: Path) -> Path:
    """Return the folder of the latest checkpoint that was written whole.

    Args:
        folder: of the checkpoints of a run.

    Raises:
        CheckpointError: there is none.
    """
    step = latest_step(folder)
    if step is None:
        raise CheckpointError(
            f"{folder} holds no checkpoint: {LATEST} is missing or names no step; train with "
            "trainer.save_freq above 0"
        )
    return folder / f"global_step_{step}"


def scorer(checkpoint: Path) -> ScoringActor:
    """Load the scorer of one checkpoint, float32, on the host.

    verl's own `model_merger` rounds weights to bfloat16.

    Args:
        checkpoint: a folder `global_step_N`.

    Raises:
        CheckpointError: a file is missing, or its weights are not a scorer's.
    """
    config, shards = _read(checkpoint)
    model = AutoModelForSPDScoring.from_config(config)
    weights = {name: _joined([shard[name] for shard in shards]) for name in shards[0]}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{checkpoint} holds another model than a scorer: {error}") from error
    return model


def _read(checkpoint: Path) -> tuple[ScoringModelConfig, list[Weights]]:
    """Read the configuration, and the weights of each rank."""
    folder = checkpoint / "actor"
    try:
        world_size = json.loads((folder / "fsdp_config.json").read_text())["world_size"]
        config = ScoringModelConfig.from_pretrained(folder / "huggingface")
        shards = [
            torch.load(
                folder / f"model_world_size_{world_size}_rank_{rank}.pt",
                map_location="cpu",
                weights_only=False,
            )
            for rank in range(world_size)
        ]
    except (EOFError, OSError, KeyError, RuntimeError, UnpicklingError, ValueError) as error:
        raise CheckpointError(
            f"{checkpoint} is no whole checkpoint of a scorer: {error}"
        ) from error
    return config, shards


def _joined(parts: list[Tensor]) -> Tensor:
    """Make a weight of the ranks' parts of it."""
    first = parts[0]
    if not isinstance(first, DTensor):
        return first
    placement = first.placements[-1]
    if placement.is_replicate():
        return first.to_local()
    return torch.cat([part.to_local() for part in parts], dim=placement.dim)[
        tuple(slice(size) for size in first.shape)
    ]
