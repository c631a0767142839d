"""Which ranks of a tensor-parallel engine draft: two processes, joined by gloo."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from vllm.v1.executor import multiproc_executor

from testing.engine import SAM, draft_counts, generate
from testing.registry import needs

pytestmark = needs("drafts verified on a CPU")

ROOT = Path(__file__).parents[2]
MAX_TOKENS = 60
TWO_RANKS = {"tensor_parallel_size": 2}


@pytest.fixture
def _port_taken_in_between(monkeypatch):
    """Another process has the free port of an executor before its workers could listen on it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(multiproc_executor, "get_open_port", lambda: port)
        yield


@pytest.mark.usefixtures("_port_taken_in_between")
def test_only_the_first_rank_of_an_executor_drafts(start_engine, splittable_model, prompts):
    plain = generate(start_engine(model=str(splittable_model)), prompts, MAX_TOKENS)
    engine = start_engine(
        SAM, model=str(splittable_model), distributed_executor_backend="mp", **TWO_RANKS
    )
    # Of no module: workers find another package `tests`, that verl installs.
    proposers = engine.collective_rpc(lambda worker: type(worker.model_runner.drafter).__name__)
    assert proposers == ["SamProposer", "IdleProposer"]
    assert generate(engine, prompts, MAX_TOKENS) == plain
    assert draft_counts(engine)[1] > 0


def test_each_rank_that_schedules_for_itself_drafts_alike(
    start_engine, splittable_model, prompts, engine_arguments, tmp_path
):
    plain = generate(start_engine(model=str(splittable_model)), prompts, MAX_TOKENS)
    task = {
        "arguments": {
            **engine_arguments,
            **TWO_RANKS,
            "model": str(splittable_model),
            "speculative_config": SAM,
        },
        "prompts": prompts,
        "max_tokens": MAX_TOKENS,
        "folder": str(tmp_path),
    }
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    script = Path(__file__).with_name("rank_of_its_own_scheduler.py")
    subprocess.run(
        [*launcher, str(script), json.dumps(task)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        timeout=1800,
    )
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert first == second
    assert first["proposer"] == "SamProposer"
    assert first["tokens"] == plain
    assert first["num_accepted"] > 0
