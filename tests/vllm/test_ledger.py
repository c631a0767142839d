"""The ledger of an engine's steps."""

import pytest
import torch

from testing.registry import require

require("a ledger of steps")

from specroll_speculation.ledger import VARIABLE

from bench.lib.measures.ledgers import read_steps
from testing.engine import SAM, generate


@pytest.fixture
def ledger(monkeypatch, tmp_path):
    """Reads the lines of the engines of a test."""
    monkeypatch.setattr(torch, "Event", torch.Event)
    monkeypatch.setattr(torch.cuda, "Event", torch.cuda.Event)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "ledger"))

    return lambda: read_steps(tmp_path / "ledger")


def test_each_step_has_a_line(start_engine, prompts, ledger):
    answers = generate(start_engine(SAM), prompts, max_tokens=64)
    steps = ledger()
    assert [step.step for step in steps] == list(range(len(steps)))
    began = [step.began_s for step in steps]
    assert began == sorted(began)
    written = sum(step.sampled_tokens for step in steps)
    # A step, or two where they overlap, may go past the end of an answer by a draft.
    assert sum(map(len, answers)) <= written <= sum(map(len, answers)) + 2 * 4 * len(answers)
    assert sum(step.tokens for step in steps) >= sum(map(len, prompts)) + written - len(prompts)
    assert sum(step.accepted_tokens for step in steps) > 0
    assert all(step.accepted_tokens <= step.draft_tokens for step in steps)


def test_a_ledger_that_cannot_be_written_is_refused(start_engine, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    with pytest.raises(ValueError, match=r"must be a folder for files of steps: File exists"):
        start_engine()
