"""What the drafter keeps of a request, and until when."""

import pytest

from testing.engine import (
    SAM,
    add_request,
    counters,
    draft_counts,
    generate,
    model_runner,
    run,
)
from testing.registry import needs

pytestmark = needs("drafts verified on a CPU")


@pytest.fixture
def names_of_requests(monkeypatch):
    """Requests are called what the test calls them; vLLM else adds something random."""
    monkeypatch.setenv("VLLM_DISABLE_REQUEST_ID_RANDOMIZATION", "1")


def test_state_outlives_preemption(start_engine, prompts):
    """Too few cache blocks for all requests at once: some are put off and come back."""
    options = {"num_gpu_blocks_override": 8, "block_size": 128, "enable_prefix_caching": False}
    plain = generate(start_engine(**options), prompts, max_tokens=100)

    engine = start_engine(SAM, **options)
    proposer = model_runner(engine).drafter
    propose = proposer.propose
    num_absent = []

    def recording(input_batch, sampled_token_ids):
        drafts = propose(input_batch, sampled_token_ids)
        num_absent.append(len(proposer.drafter) - input_batch.num_reqs)
        return drafts

    proposer.propose = recording
    assert generate(engine, prompts, max_tokens=100) == plain
    assert counters(engine)["vllm:num_preemptions"] > 0
    assert min(num_absent) == 0
    assert max(num_absent) > 0
    assert draft_counts(engine)[1] > 0


def test_state_ends_with_the_request_or_its_abort(start_engine, prompts, names_of_requests):
    engine = start_engine(SAM)
    drafter = model_runner(engine).drafter.drafter
    for name, prompt in zip("abc", prompts[:3], strict=True):
        add_request(engine, name, prompt, max_tokens=5 if name == "a" else 60)
    run(engine, num_steps=3)
    assert len(drafter) == 3
    engine.llm_engine.abort_request(["b"])
    run(engine, num_steps=4)
    assert len(drafter) == 1
    assert set(run(engine)) == {"c"}
    add_request(engine, "d", prompts[3], max_tokens=1)
    run(engine)
    assert len(drafter) == 1
    assert drafter.num_tokens == len(prompts[3]) + 1


def test_a_name_that_comes_back_in_the_step_of_its_abort(start_engine, prompts, names_of_requests):
    plain = generate(start_engine(), [prompts[5]], max_tokens=60)
    engine = start_engine(SAM)
    add_request(engine, "same", prompts[4], max_tokens=60)
    run(engine, num_steps=20)
    engine.llm_engine.abort_request(["same"])
    add_request(engine, "same", prompts[5], max_tokens=60)
    assert run(engine) == {"same": plain[0]}
    drafter = model_runner(engine).drafter.drafter
    assert len(drafter) == 1
    assert draft_counts(engine)[1] > 0


@needs("draft lengths by batch size")
def test_nothing_beyond_an_answers_end_is_kept(start_engine, prompts):
    """The runner accepts drafts beyond it; the scheduler says where it is."""
    engine = start_engine({**SAM, "sam_history_tokens": 10_000})
    answers = generate(engine, prompts[:4], max_tokens=[20, 30, 41, 52])
    generate(engine, [[1, 2]], max_tokens=1)  # what has finished is told with the next step
    held = sum(map(len, prompts[:4])) + sum(map(len, answers))
    assert model_runner(engine).drafter.drafter.num_history_tokens == held
