"""Overrides and metrics of a run."""

import json
from pathlib import Path

import click
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from spd import metrics
from spd.checkpoint import CheckpointError, latest, scorer
from spd.overrides import Run, key_of, merged, needed, on_a_cpu, quoted
from spd.train import TrainingError, initial_scorer, refuse_own_keys, run_training
from spd_scorer import AutoModelForSPDScoring

RUN = Run(
    [Path("/data/a train.parquet"), Path("/data/b.parquet")],
    [Path("/data/val.parquet")],
    Path("/run/initial"),
    "http://127.0.0.1:8000",
    Path("/run"),
    Path("/run/metrics-parts/000.jsonl"),
)


@pytest.mark.parametrize(
    ("override", "key"),
    [("a.b=1", "a.b"), ("+a.b=x=y", "a.b"), ("++a.b=1", "a.b"), ("~a.b", "a.b")],
)
def test_key_of_an_override(override, key):
    assert key_of(override) == key


def test_a_user_s_override_replaces_the_default():
    chosen = ["trainer.logger=[console]", "+reward_model.reward_kwargs.alpha=2"]
    overrides = merged(needed(RUN, 5, 1), chosen)
    assert [each for each in overrides if key_of(each) == "trainer.logger"] == chosen[:1]
    assert overrides[-1] == chosen[-1]
    assert "data.train_files=['/data/a train.parquet','/data/b.parquet']" in overrides


@example("a\\")
@example("it's\\\\")
@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1))
def test_any_text_can_be_an_override(text):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    [override] = OverridesParser.create().parse_overrides([f"a.b={quoted(text)}"])
    assert override.value() == text


def test_verl_takes_the_overrides():
    from hydra import compose, initialize_config_module

    with initialize_config_module("verl.trainer.config", version_base=None):
        overrides = merged([*needed(RUN, 5, 1), *on_a_cpu(2)], ["+data.skip_invalid=true"])
        config = compose("ppo_trainer", overrides=overrides)
    assert config.data.train_files == ["/data/a train.parquet", "/data/b.parquet"]
    assert config.trainer.total_training_steps == 5
    assert config.trainer.n_gpus_per_node == 2
    assert config.data.skip_invalid is True


def test_an_override_that_verl_does_not_take():
    with pytest.raises(TrainingError, match=r"verl does not take these overrides: .*stpes"):
        run_training(["trainer.stpes=3"])


def lines(*steps, value=0):
    return "".join(json.dumps({"step": s, "data": {"reward": value}}) + "\n" for s in steps)


def test_metrics_of_a_run_that_went_on(tmp_path):
    """What was done again after the last checkpoint counts as it was the second time."""
    metrics.next_part(tmp_path).write_text(lines(0, 1, 2, 3, 4) + '{"step": 5, "da')
    metrics.next_part(tmp_path).write_text("")
    validation = json.dumps({"step": 2, "data": {"validation": 5}})
    metrics.next_part(tmp_path).write_text(f"{validation}\n" + lines(3, value=1))
    metrics.join(tmp_path)
    found = metrics.read(tmp_path)
    assert [(each["step"], each["reward"]) for each in found] == [(0, 0), (1, 0), (2, 0), (3, 1)]
    assert found[2]["validation"] == 5


def test_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=r"holds no checkpoint.*trainer.save_freq above 0"):
        latest(tmp_path)


@pytest.fixture
def checkpoint_folder(tiny_model, tmp_path):
    """What verl writes for one rank, without the weights."""
    folder = tmp_path / "actor"
    initial_scorer(str(tiny_model), folder / "huggingface", 0, lora_rank=2)
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


def test_training_starts_from_a_decoder_or_a_scorer(tiny_model, tmp_path):
    made = initial_scorer(str(tiny_model), tmp_path / "made", lora_rank=2, seed=3)
    same = initial_scorer(str(tiny_model), tmp_path / "same", lora_rank=2, seed=3)
    other = initial_scorer(str(tiny_model), tmp_path / "other", lora_rank=2, seed=4)
    taken = initial_scorer(str(other), tmp_path / "taken", lora_rank=8, seed=3)
    weights = [AutoModelForSPDScoring.from_pretrained(f) for f in (made, same, other, taken)]
    heads = [model.score_head.inner.weight for model in weights]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
    assert torch.equal(heads[2], heads[3])
    assert weights[3].config.lora_rank == 2


def test_a_scorer_is_made_once(tiny_model, tmp_path):
    made = initial_scorer(str(tiny_model), tmp_path / "made", lora_rank=2, seed=3)
    assert initial_scorer("/nowhere", tmp_path / "made", 4, lora_rank=2) == made
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.save_freq=-1", "save every 1 step or more"),
        ("trainer.save_freq=0", "save every 1 step or more"),
        ("++trainer.default_local_dir=/elsewhere", "see --output"),
    ],
)
def test_overrides_after_which_there_is_no_scorer(override, message):
    with pytest.raises(click.UsageError, match=message):
        refuse_own_keys(["trainer.save_freq=5", override])
