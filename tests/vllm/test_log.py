"""What the log of a running engine says of its drafts."""

import logging

import pytest
from specroll_speculation import monitor

from testing.engine import SAM, draft_counts, generate, model_runner
from testing.registry import needs

pytestmark = needs("drafts verified on a CPU")


@pytest.fixture
def messages(caplog):
    """Messages of the proposer's logger, which hands nothing to the root logger."""
    logger = logging.getLogger("vllm.v1.spec_decode.sam_proposer")
    logger.addHandler(caplog.handler)
    yield lambda: [record.getMessage() for record in caplog.records if record.name == logger.name]
    logger.removeHandler(caplog.handler)


def test_the_first_accepted_draft_is_told_and_all_are_counted(start_engine, prompts, messages):
    engine = start_engine(SAM)
    generate(engine, prompts)
    assert messages().count("Speculation works: the first draft tokens were accepted.") == 1
    assert model_runner(engine).drafter.monitor.num_accepted == draft_counts(engine)[1]


def test_silence_is_explained(start_engine, prompts, messages, monkeypatch):
    monkeypatch.setattr(monitor, "STEPS_BEFORE_WARNING", 20)
    engine = start_engine(SAM, threshold=2)
    generate(engine, prompts, max_tokens=30)
    (warning,) = [message for message in messages() if message.startswith("No draft token")]
    batch = len(prompts)
    assert warning == (
        "No draft token was proposed for 20 steps: "
        f"batch above VLLM_SPECULATIVE_BATCH_SIZE_THRE=2 ({20 * batch} times)."
    )


def test_a_prompt_that_is_not_complete_is_a_reason(start_engine, prompts, messages, monkeypatch):
    monkeypatch.setattr(monitor, "STEPS_BEFORE_WARNING", 3)
    engine = start_engine(SAM, max_num_batched_tokens=64, enable_prefix_caching=False)
    generate(engine, prompts[-1:], max_tokens=2)
    (warning,) = [message for message in messages() if message.startswith("No draft token")]
    assert "prompt not complete (3 times)" in warning
