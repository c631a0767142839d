"""A vLLM server in a process of its own, which may run in another environment."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import urllib3

from specroll_scorer.progress import progress

PROCESS_GUARD = Path(__file__).with_name("process_guard.py")
SERVER = "vllm.entrypoints.openai.api_server"
OPTIONS = ("--disable-uvicorn-access-log", "--disable-log-stats")
ENVIRONMENT = {"VLLM_NO_USAGE_STATS": "1"}

LOG_TAIL_LINES = 15
SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_TO_END = 20.0


class EngineError(Exception):
    """An engine did not start."""


@contextmanager
def running_engine(
    model: Path | str,
    log: Path,
    *,
    python: Path | str = sys.executable,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 600.0,
) -> Iterator[str]:
    """Serve a model on a free port of this machine while the context lasts, and yield the URL.

    The server ends with the context, and with this process however that ends.

    Args:
        model: folder or hub id.
        log: file that all output goes to.
        python: interpreter of the environment that vLLM is installed in.
        options: those of `vllm serve`.
        environment: variables beside those of this process.
        timeout_s: seconds until the server must be ready.

    Raises:
        EngineError: the server ended, or was not ready in time.
    """
    port = _free_port()
    served = ["--model", str(model), "--host", "127.0.0.1", "--port", str(port)]
    command = [str(python), "-m", SERVER, *served, *OPTIONS, *options]
    process = _start(command, log, {**ENVIRONMENT, **(environment or {})})
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(process, url, timeout_s, f"starting vLLM with {Path(model).name}", log)
        yield url
    finally:
        process.terminate()
        process.wait(SECONDS_TO_END)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _start(
    command: Sequence[str], log: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-I", str(PROCESS_GUARD), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            # Ctrl-C is for this process alone, which then stops the server.
            start_new_session=True,
        )


def _wait_until_ready(
    process: subprocess.Popen[bytes], url: str, timeout_s: float, what: str, log: Path
) -> None:
    deadline = time.monotonic() + timeout_s
    looks = iter(lambda: _is_ready(url), True)
    for _ in progress(looks, what, bar="{desc}: {elapsed}"):
        if process.poll() is not None:
            raise EngineError(f"vLLM ended with exit code {process.returncode}{_tail(log)}")
        if time.monotonic() > deadline:
            raise EngineError(f"vLLM was not ready within {timeout_s:g} s{_tail(log)}")
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _is_ready(url: str) -> bool:
    try:
        answer = urllib3.request("GET", f"{url}/health", timeout=5.0, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    ready: bool = answer.status == 200
    return ready


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    return f"; the last lines of {log}:\n" + "\n".join(f"    {line}" for line in lines)
