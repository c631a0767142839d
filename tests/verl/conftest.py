"""verl's rollout with real vLLM engines on a tiny policy: jobs as a user starts them, and parts."""

import pytest

pytest.importorskip("verl", reason="these tests run where verl and vLLM for CPUs are installed")

from testing.cpu_environment import CLUSTER_ENVIRONMENT, CPU_ENVIRONMENT, set_environment

set_environment(
    {
        **CPU_ENVIRONMENT,
        **CLUSTER_ENVIRONMENT,
        # With other settings, some CPU builds of vLLM find no cores for a second rank.
        "VLLM_CPU_OMP_THREADS_BIND": "auto",
        "TOKENIZERS_PARALLELISM": "false",
    }
)

import random
import string

import ray
from transformers import AutoTokenizer, GenerationConfig
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
    """Folder of a tiny policy, which says by which token its answers end."""
    model = save_tiny_model(tmp_path_factory.mktemp("model"), MAX_MODEL_LEN)
    save_tokenizer(model)
    end = AutoTokenizer.from_pretrained(model).eos_token_id
    GenerationConfig(eos_token_id=end, pad_token_id=end).save_pretrained(model)
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


@pytest.fixture(scope="session")
def even_rows(tmp_path_factory):
    """File of eight prompts of one length, longer than two blocks of the prefix cache."""
    chance = random.Random(0)
    prompts = ["".join(chance.choices(string.ascii_letters, k=40)) for _ in range(8)]
    file = tmp_path_factory.mktemp("even_rows") / TRAINING_FILE
    write_file(file, [(prompt, "") for prompt in prompts])
    return file


@pytest.fixture(scope="module")
def ray_cluster():
    """Ray on this machine; yields its address."""
    context = ray.init(num_cpus=4, include_dashboard=False)
    yield context.address_info["address"]
    ray.shutdown()


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
