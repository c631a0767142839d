"""verl 0.9.1's rollout with real vLLM servers on a tiny policy."""

import os

import pytest

pytest.importorskip("verl", minversion="0.9", reason="verl 0.9.1 is in the environment `cpu`")

from testing.cpu_environment import CPU_ENVIRONMENT

os.environ.update(CPU_ENVIRONMENT)

from vllm import LLM

from demo.rollout_task import LETTERS_REWARD
from demo.rollout_task.policy import save_policy
from demo.rollout_task.rows import TRAINING_FILE, VALIDATION_FILE, write_file
from testing.grpo_run import GrpoRun
from testing.tiny_model import (
    TOKENS,
    engine_arguments,
    random_prompts,
    save_tiny_model,
    save_tokenizer,
)

MAX_MODEL_LEN = 512


@pytest.fixture(scope="session")
def policy(tmp_path_factory):
    """Folder of a tiny policy."""
    model = save_tiny_model(tmp_path_factory.mktemp("model"), MAX_MODEL_LEN)
    save_tokenizer(model)
    return save_policy(model, tmp_path_factory.mktemp("policy"))


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    """Folder with rows to train on and to validate with."""
    folder = tmp_path_factory.mktemp("rows")
    # Without the end token, which verl leaves out of the texts that it writes.
    letters = TOKENS[:-1]
    texts = [
        "".join(letters[token % len(letters)] for token in prompt) for prompt in random_prompts()
    ]
    write_file(folder / TRAINING_FILE, [(text, "") for text in texts[:8]])
    write_file(folder / VALIDATION_FILE, [(text, "") for text in texts[4:8]])
    return folder


@pytest.fixture
def start_engine(monkeypatch):
    """Return a function that starts an engine of vLLM's own in this process."""
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")

    def start(model, **options):
        return LLM(**engine_arguments(model, MAX_MODEL_LEN) | options)

    return start


@pytest.fixture
def grpo_run(policy, rows, tmp_path):
    """Return a function that makes a training, with as many ranks as it is told."""

    def run(ranks=1, **environment):
        return GrpoRun(tmp_path / "run", policy, rows, LETTERS_REWARD, ranks, environment)

    return run
