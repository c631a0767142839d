"""Run a command, and stop it with all it has started when standard input ends or at SIGTERM.

Whoever runs this holds the other end of standard input, which is closed however it dies. The
command is given as arguments; the exit code is that of the command.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

SECONDS_TO_END = 10.0


def main() -> None:
    """Run the command that the arguments are."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    threading.Thread(target=_wait_for_end_of_input, daemon=True).start()
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        sys.exit(process.wait())
    finally:
        _stop(process)


def _wait_for_end_of_input() -> None:
    # Not sys.stdin: a thread that waits on it would keep the interpreter from ending.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the whole group of processes to end, then make it end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS_TO_END)
        os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
