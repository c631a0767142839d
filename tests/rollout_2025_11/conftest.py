"""verl 0.6.1 with its real vLLM rollout, on a CPU: jobs as a user starts them, and their parts."""

import os

import pytest

pytest.importorskip("verl", reason="these tests run in the environment `cpu-2025.11`")

from testing.cpu_environment import CPU_ENVIRONMENT

os.environ.update(
    CPU_ENVIRONMENT,
    # With other settings, the CPU build of 0.11 finds no cores for a second rank.
    VLLM_CPU_OMP_THREADS_BIND="auto",
    RAY_USAGE_STATS_ENABLED="0",
    TOKENIZERS_PARALLELISM="false",
)

import random
import string

import ray
from transformers import AutoTokenizer, GenerationConfig

from demo.rollout_task.rows import write_file
from testing.tiny_model import save_tiny_model, save_tokenizer

MAX_MODEL_LEN = 128
CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Folder of a model with random weights and a tokenizer of a character a token."""
    folder = tmp_path_factory.mktemp("tiny")
    save_tiny_model(folder, MAX_MODEL_LEN)
    save_tokenizer(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)
    end = tokenizer.eos_token_id
    GenerationConfig(eos_token_id=end, pad_token_id=end).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def rows_file(tmp_path_factory):
    """Eight prompts, longer than two blocks of the prefix cache."""
    chance = random.Random(0)
    prompts = ["".join(chance.choices(string.ascii_letters, k=40)) for _ in range(8)]
    file = tmp_path_factory.mktemp("rows") / "rows.parquet"
    write_file(file, [(prompt, "") for prompt in prompts])
    return file


@pytest.fixture(scope="session")
def ray_cluster():
    """Ray on this machine, without the batch-size switch in its environment; yields its address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("VLLM_SPECULATIVE_BATCH_SIZE_THRE", raising=False)
        context = ray.init(num_cpus=4, include_dashboard=False)
    yield context.address_info["address"]
    ray.shutdown()
