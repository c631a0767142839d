"""The names by which people call a patch."""

from __future__ import annotations

from pathlib import PurePosixPath


def is_named(path: str, text: str) -> bool:
    """Say whether a text names a patch: with or without its folders, number or suffix.

    Args:
        path: Where the patch lies, from the stack's folder on.
        text: What somebody has written.

    >>> is_named("alpha/cpu/0001-bugfix-slow.patch", "bugfix-slow")
    True
    """
    stem = PurePosixPath(path).stem
    return f"/{path}".endswith(f"/{text}") or text in (stem, stem.partition("-")[2])
