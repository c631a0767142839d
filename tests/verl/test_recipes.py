"""Recipes: their keys exist in verl's configuration, and lead to SAM."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from testing.registry import require

require("rollouts by server replicas")

from hydra import compose, initialize_config_module
from verl.utils.config import validate_config
from verl.workers.rollout.group_load_balancer import GroupLoadBalancer, load_balancer_of

RECIPES = sorted((Path(__file__).resolve().parents[2] / "recipes").glob("*.sh"))
PUBLISHED = [recipe for recipe in RECIPES if recipe.name.startswith("qwen3_32b")]
PROGRAM = f"""#!{sys.executable}
import json, os, sys
threshold = os.environ["VLLM_SPECULATIVE_BATCH_SIZE_THRE"]
print(json.dumps({{"arguments": sys.argv[1:], "threshold": threshold}}))
"""


@pytest.fixture
def started(tmp_path):
    """Return a function that starts a recipe with a stand-in for Python, which says what it got."""
    program = tmp_path / "python"
    program.write_text(PROGRAM)
    program.chmod(0o755)

    def start(recipe, *overrides):
        variables = {
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "MODEL": "/a model",
            "DATA": "/lr=1,2/data",
            "REWARD": "/reward (new).py",
        }
        command = [recipe, *overrides]
        found = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
        return json.loads(found.stdout)

    return start


def configuration(arguments):
    assert arguments[:2] == ["-m", "verl.trainer.main_ppo"]
    options = [argument for argument in arguments[2:] if argument.startswith("--config-name=")]
    overrides = [argument for argument in arguments[2:] if argument not in options]
    name = options[0].partition("=")[2] if options else "ppo_trainer"
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose(name, overrides)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)
def test_every_key_is_verls(started, recipe):
    config = configuration(started(recipe)["arguments"])
    validate_config(config, use_reference_policy=False, use_critic=False)
    rollout = config.actor_rollout_ref.rollout
    assert rollout.engine_kwargs.vllm.speculative_config == {
        "method": "sam",
        "num_speculative_tokens": 3,
    }
    assert load_balancer_of(rollout) is GroupLoadBalancer
    assert config.actor_rollout_ref.model.path == "/a model"
    assert config.data.train_files == "/lr=1,2/data/train.parquet"


@pytest.mark.parametrize("recipe", PUBLISHED, ids=lambda recipe: recipe.stem)
def test_published_settings(started, recipe):
    found = started(recipe)
    assert found["threshold"] == "8"
    config = configuration(found["arguments"])
    assert config.data.max_response_length == 34816
    assert config.data.filter_overlong_prompts
    assert config.trainer.save_freq > 0
    assert config.algorithm.filter_groups.enable == ("dapo" in recipe.stem)
    assert config.trainer.device == {"ascend": "npu", "cuda": "cuda"}[recipe.stem.split("_")[-1]]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)
def test_sam_is_switched_off_as_a_recipe_says(started, recipe):
    (off,) = {word for word in recipe.read_text().split() if word.startswith("~actor_rollout_ref")}
    config = configuration(started(recipe, off)["arguments"])
    assert "speculative_config" not in config.actor_rollout_ref.rollout.engine_kwargs.vllm


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)
def test_a_recipe_asks_for_what_it_needs(recipe):
    variables = {name: value for name, value in os.environ.items() if name != "MODEL"}
    found = subprocess.run([recipe], env=variables, capture_output=True, text=True)
    assert found.returncode != 0
    assert "MODEL: is the folder of" in found.stderr
