"""Drafts of engines with two ranks: processes joined by gloo."""

import pytest

from testing.engine import SAM, draft_counts, generate
from testing.rank_of_its_own_scheduler import run_ranks
from testing.registry import needs


@pytest.mark.parametrize(
    "ranks",
    [
        pytest.param({"tensor_parallel_size": 2}, id="split"),
        pytest.param(
            {"pipeline_parallel_size": 2}, id="pipeline", marks=needs("drafts in a pipeline")
        ),
    ],
)
def test_two_ranks_of_processes_of_their_own(start_engine, prompts, splittable_model, ranks):
    """First without drafts, for four requests are too many, then with them."""
    limits = [30 + 10 * row for row in range(4)]
    plain = generate(start_engine(model=str(splittable_model)), prompts[:4], limits)
    options = {"model": str(splittable_model), "in_process": False, "threshold": 2}
    engine = start_engine(SAM, **options, **ranks)
    assert generate(engine, prompts[:4], limits) == plain
    assert draft_counts(engine)[1] > 0


@needs("drafts in a pipeline")
def test_a_pipeline_without_overlapping_steps_is_refused(start_engine):
    with pytest.raises(ValueError, match="verifies no drafts in a pipeline"):
        start_engine(SAM, in_process=False, pipeline_parallel_size=2, async_scheduling=False)


def test_ranks_that_schedule_for_themselves_draft_alike(
    start_engine, prompts, splittable_model, engine_arguments, tmp_path
):
    plain = generate(start_engine(model=str(splittable_model)), prompts[:4], 60)
    drafting = {"model": str(splittable_model), "speculative_config": SAM}
    arguments = {**engine_arguments, "tensor_parallel_size": 2, **drafting}
    task = {"arguments": arguments, "prompts": prompts[:4], "max_tokens": 60}
    first, second = run_ranks(task, tmp_path)
    assert first == second
    assert first["proposer"] == "SamSpeculator"
    assert first["tokens"] == plain
    assert first["num_accepted"] > 0
