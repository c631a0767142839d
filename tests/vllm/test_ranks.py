"""Which ranks of a tensor-parallel engine draft: two processes, joined by gloo."""

import socket

import pytest
from vllm.v1.executor import multiproc_executor

from testing.engine import SAM, draft_counts, generate
from testing.rank_of_its_own_scheduler import run_ranks
from testing.registry import needs

pytestmark = needs("drafts verified on a CPU")

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
    drafting = {"model": str(splittable_model), "speculative_config": SAM}
    arguments = {**engine_arguments, **TWO_RANKS, **drafting}
    task = {"arguments": arguments, "prompts": prompts, "max_tokens": MAX_TOKENS}
    first, second = run_ranks(task, tmp_path)
    assert first == second
    assert first["proposer"] == "SamProposer"
    assert first["tokens"] == plain
    assert first["num_accepted"] > 0
