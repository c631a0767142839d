"""Environment variables of ours, by their names of today and by those of before."""

from __future__ import annotations

import os
import sys

PREFIX = "SPECROLL_"
OLD_PREFIX = "SPECRL_"


def read(name: str) -> str | None:
    """Return the value of `SPECROLL_<name>`, None where it is not set or empty.

    A value under the old prefix is taken over, so that its note is printed once, child processes
    included.
    """
    old = os.environ.get(OLD_PREFIX + name)
    if old and not os.environ.get(PREFIX + name):
        message = f"note: {OLD_PREFIX}{name} is understood, and is called {PREFIX}{name} now"
        print(message, file=sys.stderr)
        write(name, old)
    return os.environ.get(PREFIX + name) or None


def write(name: str, value: str) -> None:
    """Set `SPECROLL_<name>` for this process and its children."""
    os.environ[PREFIX + name] = value
