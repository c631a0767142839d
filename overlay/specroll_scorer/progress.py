"""Progress bars for what takes longer than a second, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

# Seconds between two states of a bar; seldom where they go into a file.
INTERVAL_S = 0.1 if sys.stderr.isatty() else 10.0


def progress(items: Iterable[Item], what: str, bar: str | None = None) -> tqdm[Item]:
    """Return a bar over items.

    Args:
        items: what to go through.
        what: stands in front of the bar.
        bar: how the bar looks, as tqdm's `bar_format`.
    """
    return tqdm(items, what, leave=False, mininterval=INTERVAL_S, delay=1, bar_format=bar)
