"""Overrides: what verl is told."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from specroll_scorer.verl_fsdp_workers.overrides import Run, key_of, merged, on_a_cpu, quoted

RUN = Run(
    [Path("/data/a train.parquet"), Path("/data/b.parquet")],
    [Path("/data/val.parquet")],
    Path("/run/initial"),
    "http://127.0.0.1:8000",
    Path("/run"),
    Path("/run/metrics-parts/000.jsonl"),
    steps=5,
    seed=1,
)


@pytest.mark.parametrize(
    ("override", "key"),
    [("a.b=1", "a.b"), ("+a.b=x=y", "a.b"), ("++a.b=1", "a.b"), ("~a.b", "a.b")],
)
def test_key_of_an_override(override, key):
    assert key_of(override) == key


def test_a_user_s_override_replaces_the_default():
    chosen = ["trainer.logger=[console]", "+reward_model.reward_kwargs.alpha=2"]
    overrides = merged(RUN.overrides(), chosen)
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
        overrides = merged([*RUN.overrides(), *on_a_cpu(2)], ["+data.skip_invalid=true"])
        config = compose("ppo_trainer", overrides=overrides)
    assert config.data.train_files == ["/data/a train.parquet", "/data/b.parquet"]
    assert config.trainer.total_training_steps == 5
    assert config.trainer.n_gpus_per_node == 2
    assert config.data.skip_invalid is True
