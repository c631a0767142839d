"""When speculation is on, and what the log says of it."""

import logging

import pytest
from specroll_speculation.batch_switch import (
    DEFAULT_THRESHOLD,
    SECONDS_BETWEEN_LOG_LINES,
    VARIABLE,
    BatchSwitch,
    speculates,
    threshold_from_environment,
)

logger = logging.getLogger("test")


def test_on_up_to_the_threshold_off_above():
    sizes = (1, 4, 5, 9, 4)
    assert [speculates(size, 4) for size in sizes] == [True, True, False, False, True]


def test_changes_are_counted():
    switch = BatchSwitch("THRESHOLD=4", logger)
    for on in (True, False, False, True):
        assert switch.turn(3, on=on) == switch.speculative_decoding_active == on
    assert switch.num_switches == 2


@pytest.mark.parametrize("threshold", [0, -1])
def test_a_threshold_of_0_or_less_never_switches(threshold):
    assert speculates(100_000, threshold)


@pytest.mark.parametrize(("text", "threshold"), [("7", 7), ("-1", -1), (None, DEFAULT_THRESHOLD)])
def test_the_threshold_comes_from_the_environment(monkeypatch, text, threshold):
    monkeypatch.delenv(VARIABLE, raising=False)
    if text is not None:
        monkeypatch.setenv(VARIABLE, text)
    assert threshold_from_environment() == threshold


@pytest.mark.parametrize("text", ["", "many", "3.5"])
def test_a_threshold_that_is_no_number_is_refused(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ValueError, match=f"{VARIABLE} must be a whole number.*not '{text}'"):
        threshold_from_environment()


def test_log_lines_are_spaced(caplog):
    now = 0.0
    switch = BatchSwitch("THRESHOLD=1", logger, clock=lambda: now)
    with caplog.at_level(logging.INFO):
        for size in (2, 1, 2, 1):
            switch.turn(size, on=size == 1)
        now = SECONDS_BETWEEN_LOG_LINES
        switch.turn(2, on=False)
    assert [record.getMessage() for record in caplog.records] == [
        "Speculation is off: 2 requests in the batch, THRESHOLD=1 (1 switches so far).",
        "Speculation is off: 2 requests in the batch, THRESHOLD=1 (5 switches so far).",
    ]
