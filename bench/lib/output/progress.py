"""Progress bars on standard error."""

import sys
from collections.abc import Iterable
from typing import NoReturn, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

# Seconds between two updates; seldom where each of them is a new line of a log.
INTERVAL = 0.1 if sys.stderr.isatty() else 30.0


def progress(items: Iterable[Item], what: str, unit: str) -> Iterable[Item]:
    """Return the items, with a bar that shows how many of them are done."""
    return tqdm(items, what, unit=unit, mininterval=INTERVAL)


def progress_bar(total: int | None, what: str, unit: str) -> "tqdm[NoReturn]":
    """Return a bar to update by hand, as a context manager.

    Args:
        total: how many updates there will be; None shows no bar.
        what: the words in front of the bar.
        unit: what is counted.
    """
    return tqdm(desc=what, total=total, unit=unit, mininterval=INTERVAL, disable=total is None)
