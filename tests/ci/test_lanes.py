"""How steps run, what is printed of them, and how they are counted."""

import os
import re
import runpy
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from threading import Thread

import pytest

from ci import lanes, running_steps
from ci.environment import BuildError
from ci.lanes import Result, run_lane, run_lanes, run_step
from ci.running_steps import RunningSteps
from ci.steps import Step
from testing.registry import ROOT


def step(name, program):
    return Step(name, (sys.executable, "-c", program))


def test_a_step_is_printed_as_a_whole(capfd):
    result = run_step(
        step("greeting", "import sys; print('hello'); print('oh', file=sys.stderr)"), RunningSteps()
    )
    assert (result.exit_code, result.counts) == (0, Counter(passed=1))
    begins, title, *said, end = capfd.readouterr().out.splitlines()
    assert (begins, title) == ("== greeting begins", "== greeting")
    assert sorted(said) == ["hello", "oh"]
    assert end.startswith("== greeting: 1 passed, 0 failed, ")


def test_a_step_that_fails_says_its_exit_code(capfd):
    result = run_step(step("fault", "exit(3)"), RunningSteps())
    assert (result.exit_code, result.counts) == (3, Counter(failed=1))
    assert "== fault: 0 passed, 1 failed, exit code 3, " in capfd.readouterr().out


def test_the_tests_of_a_step_are_counted(tmp_path):
    file = tmp_path / "test_it.py"
    file.write_text(
        "import pytest\n"
        "def test_a(): pass\n"
        "def test_b(): pass\n"
        "def test_c(): pytest.skip()\n"
        "def test_d(): assert False\n"
    )
    command = (sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", str(file))
    result = run_step(Step("tests", command), RunningSteps())
    assert result.counts == Counter(passed=2, skipped=1, failed=1)
    assert result.says == "2 passed, 1 failed, 1 skipped"


def test_a_fault_beside_the_tests_counts(tmp_path):
    tests = tmp_path / "tests.xml"
    tests.write_text('<testsuites><testcase classname="a" name="b"/></testsuites>')
    assert lanes.counted(tests, 0) == Counter(passed=1)
    assert lanes.counted(tests, 1) == Counter(passed=1, failed=1)
    tests.write_text("<testsuites>")
    assert lanes.counted(tests, -9) == Counter(failed=1)


def test_a_step_begins_after_one_that_fails_and_lanes_run_together(tmp_path):
    """Each lane waits for the other's file: one after the other they would never end."""
    wait = "import pathlib, time\nwhile not pathlib.Path({!r}).exists(): time.sleep(0.01)"
    met = [str(tmp_path / name) for name in "ab"]
    first = [step("fault", "exit(1)"), step("a", f"open({met[0]!r}, 'w')\n{wait.format(met[1])}")]
    second = [step("b", f"open({met[1]!r}, 'w')\n{wait.format(met[0])}")]
    found = run_lanes([first, second])
    assert [(result.name, result.exit_code) for result in found] == [
        ("fault", 1),
        ("a", 0),
        ("b", 0),
    ]


def test_no_step_begins_when_the_lanes_are_stopped(tmp_path):
    running = RunningSteps()
    running.stop()
    late = step("late", f"open({str(tmp_path / 'late')!r}, 'w')")
    assert run_lane([late], running) == []
    assert run_step(late, running).exit_code == 130  # where it was about to begin
    assert not list(tmp_path.iterdir())


@pytest.fixture
def interrupts(monkeypatch):
    """Signals to end interrupt this process, also where a shell runs it in the background."""
    monkeypatch.setattr(running_steps, "GRACE_SECONDS", 0.1)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


STUBBORN = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
pathlib.Path({0!r}).write_text(str(child.pid))
pathlib.Path({0!r}).rename({1!r})
time.sleep(3600)
"""


def test_an_interruption_ends_the_running_steps(interrupts, tmp_path, capfd):
    begun = tmp_path / "begun"
    stubborn = step("stubborn", STUBBORN.format(str(tmp_path / "unwritten"), str(begun)))

    def interrupt():
        while not begun.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run_lanes([[stubborn, step("next", "")]])
    said = capfd.readouterr().out
    assert "== stubborn: 0 passed, 1 failed, exit code -9" in said
    assert "next" not in said
    while not is_gone(int(begun.read_text())):
        time.sleep(0.01)


def is_gone(pid):
    """Say whether a process has ended; an orphan stays as a zombie where nobody asks for it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return re.search(r"State:\s+(\w)", status)[1] in "ZX"


def test_a_step_may_print_bytes_that_are_no_text(capfd):
    program = r"import sys; sys.stdout.buffer.write(b'caf\xe9\n')"
    assert run_step(step("bytes", program), RunningSteps()).exit_code == 0
    assert "caf\\xe9\n" in capfd.readouterr().out


def test_a_step_that_cannot_start_has_failed(capfd):
    (result,) = run_lanes([[Step("missing", ("/no/such/program",))]])
    assert (result.exit_code, result.counts) == (127, Counter(failed=1))
    assert "/no/such/program cannot start: [Errno 2]" in capfd.readouterr().out


def test_what_runs_is_said_once_in_a_while(monkeypatch, tmp_path, capfd):
    """The step ends when the line was printed."""
    seen = tmp_path / "seen"
    say = lanes.say

    def say_and_end(text):
        say(text)
        if text == "== running: long (0 min)":
            seen.touch()

    monkeypatch.setattr(lanes, "SECONDS_BETWEEN_SIGNS", 0.01)
    monkeypatch.setattr(lanes, "say", say_and_end)
    wait = f"import pathlib, time\nwhile not pathlib.Path({str(seen)!r}).exists(): time.sleep(0.01)"
    run_lanes([[step("long", wait)]])
    assert "\n== running: long (0 min)\n" in capfd.readouterr().out


@pytest.fixture
def ci_test(monkeypatch):
    """The names of `ci/test`, whose `main` does what a test says."""
    names = runpy.run_path(str(ROOT / "ci/test"), run_name="ci_test")
    found = names["main"].__globals__
    monkeypatch.setitem(found, "interpreter", lambda name: name)
    monkeypatch.setitem(found, "lanes", list)
    return found


def results(*exit_codes):
    """Steps of 90 s and 2 tests each, of which one fails where the step does."""
    for index, code in enumerate(exit_codes):
        counts = Counter(passed=2 - bool(code), failed=int(bool(code)), skipped=1)
        yield Result(f"step {index}", code, counts, 90.0)


@pytest.mark.parametrize(
    ("exit_codes", "end"),
    [
        ((0, 0), "ci/test: 4 passed, 0 failed, 2 skipped in "),
        ((0, 1), "failed: step 1\nci/test: 3 passed, 1 failed, 2 skipped in "),
    ],
)
def test_the_last_line_has_the_totals(ci_test, monkeypatch, capsys, exit_codes, end):
    monkeypatch.setitem(ci_test, "run_lanes", lambda lanes: list(results(*exit_codes)))
    with pytest.raises(SystemExit) as left:
        ci_test["main"]()
    assert left.value.code == any(exit_codes)
    said = capsys.readouterr().out
    assert "\n   90 s  step 0\n   90 s  step 1\n" in said
    assert end in said
    assert said.splitlines()[-1].endswith(" minutes")


@pytest.mark.parametrize(
    ("fault", "code"),
    [(BuildError("no network"), "ci/test: no network"), (KeyboardInterrupt(), 130)],
)
def test_a_run_that_cannot_go_on(ci_test, monkeypatch, fault, code):
    def fail(lanes):
        raise fault

    monkeypatch.setitem(ci_test, "run_lanes", fail)
    with pytest.raises(SystemExit) as left:
        ci_test["main"]()
    assert left.value.code == code
