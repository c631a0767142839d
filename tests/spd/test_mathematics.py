"""Comparisons that end: in time, in any thread, whatever a model writes."""

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from spd import mathematics
from spd.mathematics import Mathematics, MathematicsError

ENDLESS = "the answer is $10^{10^{10}}$"


def test_what_takes_for_ever_is_wrong_and_said(caplog):
    impatient = Mathematics(timeout_s=0.5)
    with caplog.at_level(logging.WARNING):
        assert not impatient.equal(ENDLESS, "5")
    assert caplog.messages == [f"counted as wrong, for it cannot be evaluated: {ENDLESS}"]
    assert Mathematics().equal("so it is 5", "5")


def test_what_comes_after_is_compared_anew():
    patient = Mathematics(timeout_s=5.0)
    assert patient.equal("5", "5")
    patient._process.kill()
    patient._process.wait()
    assert patient.equal("5", "5")


def test_many_threads():
    shared = Mathematics()
    answers = [str(number % 3) for number in range(60)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda answer: shared.equal(f"so {answer}", "1"), answers))
    assert found == [answer == "1" for answer in answers]


def test_a_process_that_does_not_start(monkeypatch):
    monkeypatch.setattr(mathematics.sys, "executable", "/bin/false")
    with pytest.raises(MathematicsError, match=r"does not start, is it installed\? see what /bin/"):
        Mathematics().equal("5", "5")
