"""Engines: they start, they say why they did not, and they end with whoever started them."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from spd import guard
from spd.engine import EngineError, running_engine

OVERLAY = Path(guard.__file__).parent.parent

# In place of an interpreter: a server that is ready at once, with a child, both in one group.
READY = """#!{python}
import http.server, os, subprocess, sys
print("the options are", sys.argv[sys.argv.index("--port") + 2:], os.environ["NAMED"], flush=True)
child = subprocess.Popen(["sleep", "600"])
open({pids!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""

# A process that starts an engine and is killed while it runs.
PARENT = """
import signal, sys
from pathlib import Path
from spd.engine import running_engine
# Programs in the background of a shell are started with this signal ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
with running_engine("model", Path(sys.argv[1]), python=sys.argv[2], environment={"NAMED": "x"}):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def script(tmp_path):
    """Return a function that makes a program of a source."""

    def write(source, name="program"):
        file = tmp_path / name
        file.write_text(source)
        file.chmod(0o755)
        return file

    return write


@pytest.fixture
def ready(script, tmp_path):
    """A program to start in place of vLLM, and where it writes its and its child's number."""
    pids = tmp_path / "pids"
    return script(READY.format(python=sys.executable, pids=str(pids))), pids


def has_ended(pid):
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def all_ended(pids, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if all(has_ended(pid) for pid in pids.read_text().split()):
            return True
        time.sleep(0.05)
    return False


def test_the_engine_ends_with_the_context(ready, tmp_path):
    program, pids = ready
    log = tmp_path / "log"
    options = {"options": ["--enforce-eager"], "environment": {"NAMED": "so"}}
    with suppress(ZeroDivisionError), running_engine("m", log, python=program, **options):
        assert "--enforce-eager'] so" in log.read_text()
        raise ZeroDivisionError
    assert all_ended(pids, seconds=0.5)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_engine_ends_with_the_process_that_started_it(ready, tmp_path, number):
    program, pids = ready
    command = [sys.executable, "-c", PARENT, tmp_path / "log", program]
    parent = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(OVERLAY)},
    )
    with parent:
        assert parent.stdout.readline() == b"ready\n"
        parent.send_signal(number)
        parent.wait(10)
    assert all_ended(pids)


def test_a_process_that_does_not_want_to_end(script, monkeypatch):
    monkeypatch.setattr(guard, "SECONDS_TO_END", 0.1)
    stubborn = script('#!/bin/sh\ntrap "" TERM\necho ready\nwhile true; do sleep 1; done\n')
    process = subprocess.Popen([stubborn], stdout=subprocess.PIPE, start_new_session=True)
    with process:
        assert process.stdout.readline() == b"ready\n"
        guard._stop(process)
        assert process.wait(5) == -signal.SIGKILL


def test_an_engine_that_fails_at_its_start(script, tmp_path):
    program = script("#!/bin/sh\necho nothing works\nexit 3\n")
    with (
        pytest.raises(EngineError) as caught,
        running_engine("m", tmp_path / "log", python=program),
    ):
        pass
    sentence = f"vLLM ended with exit code 3; the last lines of {tmp_path / 'log'}:\n"
    assert str(caught.value) == f"{sentence}    nothing works"


def test_an_interpreter_that_is_not_there(tmp_path):
    engine = running_engine("m", tmp_path / "log", python="/none/python")
    with pytest.raises(EngineError, match="No such file or directory: '/none/python'"), engine:
        pass


def test_an_engine_that_is_never_ready(script, tmp_path):
    program = script("#!/bin/sh\nexec sleep 600\n")
    engine = running_engine("m", tmp_path / "log", python=program, timeout_s=0.3)
    with pytest.raises(EngineError, match=r"was not ready within 0.3 s; the last lines"), engine:
        pass
