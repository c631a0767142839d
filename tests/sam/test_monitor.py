"""What the log says of drafts that work, and of drafts that do not."""

import logging

import pytest
from specroll_speculation.monitor import DRAFTS_BEFORE_WARNING, STEPS_BEFORE_WARNING, DraftMonitor


@pytest.fixture
def monitor(caplog):
    caplog.set_level(logging.INFO)
    return DraftMonitor(logging.getLogger("test"))


def test_the_first_accepted_draft_is_told_once(monitor, caplog):
    monitor.record_accepted(0)
    monitor.record_accepted(2)
    monitor.record_accepted(1)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "first draft tokens were accepted" in caplog.text
    assert monitor.num_accepted == 3


def test_drafts_that_are_never_accepted_are_warned_of_once(monitor, caplog):
    monitor.record_proposed(DRAFTS_BEFORE_WARNING - 1)
    monitor.record_accepted(0)
    assert not caplog.records
    monitor.record_proposed(1)
    monitor.record_accepted(0)
    monitor.record_accepted(0)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"None of {DRAFTS_BEFORE_WARNING} proposed" in caplog.text


def test_steps_without_drafts_are_warned_of_with_the_reasons(monitor, caplog):
    for _ in range(STEPS_BEFORE_WARNING - 1):
        monitor.record_silence({"batch too large": 2})
    assert not caplog.records
    monitor.record_silence({"prompt not complete": 1})
    monitor.record_silence({"batch too large": 2})
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "batch too large (1998 times), prompt not complete (1 times)" in record.getMessage()


def test_a_draft_ends_the_silence(monitor, caplog):
    for _ in range(STEPS_BEFORE_WARNING - 1):
        monitor.record_silence({"x": 1})
    monitor.record_proposed(1)
    monitor.record_silence({"x": 1})
    assert not caplog.records
