"""What a check has found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A reason why a person should look at a patch or an overlay file.

    >>> Finding("p/x.py:LIMIT is another in 2.0", "-LIMIT = 3\\n+LIMIT = 4\\n").sentence
    'p/x.py:LIMIT is another in 2.0'
    """

    sentence: str
    # What changed upstream, as a unified diff; empty where the sentence says all.
    diff: str = ""
