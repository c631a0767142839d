"""New weights for an engine that runs: a trainer sends some after each step."""

import shutil

import pytest
from safetensors.torch import load_file, save_file

from testing.engine import generate
from testing.registry import require
from testing.weight_reader import EXTENSION

# The CPU worker of an older release stops at the threads that are not bound here (conftest.py).
require("drafts verified on a CPU")


@pytest.fixture
def trained_model(target_model, tmp_path):
    """Folder of the target model with larger weights in its linear layers."""
    folder = shutil.copytree(target_model, tmp_path / "trained")
    weights = load_file(folder / "model.safetensors")
    changed = {name: 10 * weight for name, weight in weights.items() if "proj" in name}
    save_file({**weights, **changed}, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_answers_follow_new_weights(start_engine, trained_model, prompts):
    engine = start_engine(worker_extension_cls=EXTENSION)
    before = generate(engine, prompts[:3])
    engine.collective_rpc("read_weights", args=(str(trained_model),))
    engine.reset_prefix_cache()
    after = generate(engine, prompts[:3])
    assert before != after
    assert after == generate(start_engine(model=str(trained_model)), prompts[:3])
