"""Rules for the paths that patches, stacks and states may name."""

from __future__ import annotations


def problem(path: str) -> str | None:
    """Say why a path may not be used, or return None where it may.

    >>> problem("../../etc/passwd")
    'leaves the tree'
    """
    if path.startswith('"'):
        return "is quoted"
    if path.startswith("/"):
        return "is absolute"
    if "\\" in path or not path.isprintable():
        return "holds a backslash or a control character"
    parts = path.split("/")
    if ".." in parts:
        return "leaves the tree"
    if not all(part and part != "." for part in parts):
        return "is not in its plain form"
    return None
