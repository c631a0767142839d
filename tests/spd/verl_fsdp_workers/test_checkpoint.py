"""Folders that hold no checkpoint of a scorer."""

import pytest
import torch
from specroll_scorer.training.initial_scorer import initial_scorer
from specroll_scorer.verl_fsdp_workers.checkpoint import CheckpointError, latest, scorer


def test_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=r"holds no checkpoint.*trainer.save_freq above 0"):
        latest(tmp_path)


@pytest.fixture
def checkpoint_folder(tiny_model, tmp_path):
    """What verl writes for one rank, without the weights."""
    folder = tmp_path / "actor"
    initial_scorer(str(tiny_model), folder / "huggingface", seed=0, lora_rank=2)
    (folder / "fsdp_config.json").write_text('{"world_size": 1}')
    return tmp_path


def test_a_checkpoint_without_a_shard(checkpoint_folder):
    with pytest.raises(CheckpointError, match="no whole checkpoint of a scorer"):
        scorer(checkpoint_folder)


@pytest.mark.parametrize("content", [b"", b"half of a shard"])
def test_a_shard_that_cannot_be_read(checkpoint_folder, content):
    (checkpoint_folder / "actor" / "model_world_size_1_rank_0.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match="no whole checkpoint of a scorer"):
        scorer(checkpoint_folder)


def test_a_checkpoint_of_another_model(checkpoint_folder):
    weights = {"lm_head.weight": torch.ones(2, 2)}
    torch.save(weights, checkpoint_folder / "actor" / "model_world_size_1_rank_0.pt")
    with pytest.raises(CheckpointError, match="holds another model than a scorer"):
        scorer(checkpoint_folder)
