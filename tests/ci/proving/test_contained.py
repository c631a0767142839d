"""What a command leaves behind when it ends, or is ended."""

import os
import signal
import subprocess
import sys
import time

import pytest

from ci.proving import contained
from ci.proving.contained import run_contained
from testing.registry import ROOT

# A grandchild in a session of its own, whose parent ends at once: as Ray's workers.
LEAVING = """
import subprocess, sys
code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
middle = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {code!r}, sys.argv[1]])"
subprocess.run([sys.executable, "-c", middle, sys.argv[1]], start_new_session=True)
"""
WAITING = "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.1)"
HANGING = "\nimport time\ntime.sleep(600)"


def run(program, *arguments, limit=600.0, folder="."):
    return run_contained([sys.executable, "-c", program, *map(str, arguments)], folder, {}, limit)


def is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code(code):
    assert run(f"raise SystemExit({code})") == code


def test_the_folder_and_the_variables(tmp_path):
    program = "import os; open('told', 'w').write(os.environ['WORD'])"
    run_contained([sys.executable, "-c", program], tmp_path, {"WORD": "said"}, 600.0)
    assert (tmp_path / "told").read_text() == "said"


def test_what_left_its_group_ends_with_the_command(tmp_path):
    file = tmp_path / "process"
    assert run(LEAVING + WAITING, file) == 0
    assert not is_running(int(file.read_text()))


def test_a_command_that_does_not_end_is_ended_with_all_it_started(tmp_path):
    file = tmp_path / "process"
    file.touch()
    assert run(LEAVING + HANGING, file, limit=3.0) is None
    # Where the machine is slow, it was ended before it began.
    assert not file.read_text() or not is_running(int(file.read_text()))


def test_a_command_that_somebody_interrupts_is_ended(monkeypatch):
    started = []
    real = subprocess.Popen

    def start(*arguments, **options):
        started.append(real(*arguments, **options))
        return started[-1]

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(contained.subprocess, "Popen", start)
    monkeypatch.setattr(contained.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(HANGING)
    assert not is_running(started[0].pid)


STOPPED = """
import signal, sys
from ci.proving.contained import run_contained
from ci.proving import contained

def end_children(others, end=contained.end_children):
    signal.raise_signal(signal.SIGTERM)  # somebody is impatient
    end(others)

contained.end_children = end_children
signal.signal(signal.SIGTERM, signal.default_int_handler)
try:
    run_contained([sys.executable, "-c", sys.argv[1], sys.argv[2]], ".", {}, 600.0)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_who_is_impatient_leaves_nothing_behind_either(tmp_path):
    file = tmp_path / "process"
    command = [sys.executable, "-c", STOPPED, LEAVING + HANGING, file]
    with subprocess.Popen(command, cwd=ROOT) as process:
        while not (file.exists() and file.read_text()):
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    assert not is_running(int(file.read_text()))


def test_the_processes_of_others_stay():
    with subprocess.Popen([sys.executable, "-c", HANGING]) as other:
        assert run("") == 0
        assert other.poll() is None
        other.kill()


def test_a_command_that_is_not_there():
    with pytest.raises(FileNotFoundError, match="no/such/program"):
        run_contained(["/no/such/program"], ".", {}, 1.0)
