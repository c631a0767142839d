"""Scorers from the checkpoints that verl writes while it trains."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from spd.model import AutoModelForSPDScoring, ScoringActor, ScoringModelConfig

LATEST = "latest_checkpointed_iteration.txt"


class CheckpointError(Exception):
    """A folder does not hold a checkpoint of a scorer."""


def latest(folder: Path) -> Path:
    """Folder of the latest checkpoint that was written whole.

    Raises:
        CheckpointError: there is none.
    """
    try:
        step = int((folder / LATEST).read_text())
    except (OSError, ValueError):
        raise CheckpointError(
            f"{folder} holds no checkpoint: {LATEST} is missing or names no step; train with "
            "trainer.save_freq above 0"
        ) from None
    return folder / f"global_step_{step}"


def steps(folder: Path) -> dict[int, Path]:
    """Folders of all checkpoints by their step, in order."""
    found = {
        int(match[1]): path
        for path in folder.glob("global_step_*")
        if (match := re.fullmatch(r"global_step_(\d+)", path.name))
    }
    return dict(sorted(found.items()))


def scorer(checkpoint: Path) -> ScoringActor:
    """The scorer of one checkpoint (a folder `global_step_N`), float32, on the host.

    verl's own `model_merger` rounds weights to bfloat16.

    Raises:
        CheckpointError: a file is missing, or its weights are not a scorer's.
    """
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
    except (OSError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"{checkpoint} is no whole checkpoint of a scorer: {error}"
        ) from error
    model = AutoModelForSPDScoring.from_config(config)
    weights = {name: joined([shard[name] for shard in shards]) for name in shards[0]}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{checkpoint} holds another model than a scorer: {error}") from error
    return model


def joined(parts: list[Tensor]) -> Tensor:
    """A weight from the ranks' parts of it."""
    first = parts[0]
    if not isinstance(first, DTensor):
        return first
    placement = first.placements[-1]
    if placement.is_replicate():
        return first.to_local()
    return torch.cat([part.to_local() for part in parts], dim=placement.dim)[
        tuple(slice(size) for size in first.shape)
    ]
