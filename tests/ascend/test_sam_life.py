"""What the drafter keeps of a request on an emulated device, and until when."""

import pytest

from testing.engine import SAM, add_request, draft_counts, model_runner, run


@pytest.fixture
def names_of_requests(monkeypatch):
    """Requests are called what the test calls them; vLLM may else add something random."""
    monkeypatch.setenv("VLLM_DISABLE_REQUEST_ID_RANDOMIZATION", "1")


def test_state_ends_with_the_request_its_abort_or_its_return(
    start_engine, prompts, cpu_tokens, names_of_requests
):
    """A name may also come back in the step in which its first request is said to be done."""
    engine = start_engine(SAM)
    drafter = model_runner(engine).drafter.proposer.drafter
    for name, prompt in zip("abc", prompts[:3], strict=True):
        add_request(engine, name, prompt, max_tokens=5 if name == "a" else 60)
    run(engine, num_steps=3)
    assert len(drafter) == 3
    engine.llm_engine.abort_request(["b"])
    run(engine, num_steps=4)
    assert len(drafter) == 1
    engine.llm_engine.abort_request(["c"])
    add_request(engine, "c", prompts[5], max_tokens=60)
    assert run(engine) == {"c": cpu_tokens[5][:60]}
    assert draft_counts(engine)[1] > 0
    add_request(engine, "d", prompts[3], max_tokens=1)
    run(engine)
    assert len(drafter) == 1
    assert drafter.num_tokens == len(prompts[3]) + 1
