"""A few cases of the fuzzer for each target, and that it would see what it looks for."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from specroll.errors import TargetError

from testing import fuzz
from testing.fuzz_box import Box

CASES = 40
ROOT = Path(fuzz.__file__).parents[1]


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    return Box.create(tmp_path_factory.mktemp("fuzz") / "box")


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_no_finding(box, name):
    tally = fuzz.fuzz(box, name, CASES, 1, lambda: None)
    assert tally.finding is None
    assert tally.cases >= CASES


def test_box_is_put_back_after_any_bytes(box):
    for _ in range(2):
        step = ("insert", 0.0, 0.0, b"\xca")
        assert fuzz.run_case(box, fuzz.TARGETS["RECORD"], [step]) == "done"


def write_wrong_bytes(box):
    (box.site / "alpha/core.py").write_text("mine\n")
    fuzz._expect_files(box, "applied")


def write_outside(box):
    (box.root / "outside/x").write_text("mine\n")


def refuse_half_way(box):
    (box.site / "alpha/core.py").write_text("mine\n")
    raise TargetError("late")


def fail(box):
    raise KeyError


@pytest.mark.parametrize(
    ("check", "finding"),
    [
        (write_wrong_bytes, "success with wrong bytes"),
        (write_outside, "something outside of the target was written"),
        (refuse_half_way, "refused, and yet the tree has changed"),
        (fail, "KeyError"),
    ],
)
def test_findings_are_told(tmp_path, monkeypatch, check, finding):
    target = replace(fuzz.TARGETS["RECORD"], check=check)
    monkeypatch.setitem(fuzz.TARGETS, "RECORD", target)
    assert finding in fuzz.fuzz(Box.create(tmp_path / "box"), "RECORD", 3, 1, print).finding


@pytest.mark.parametrize("options", [["--json"], []])
def test_command_reports_every_target(options):
    command = [sys.executable, "-m", "testing.fuzz", "--cases", "13", *options]
    report = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    if options:
        tallies = json.loads(report)
        assert [tally["target"] for tally in tallies] == list(fuzz.TARGETS)
        assert all(sum(tally["outcomes"].values()) == tally["cases"] for tally in tallies)
    else:
        assert all(name in report for name in fuzz.TARGETS)
