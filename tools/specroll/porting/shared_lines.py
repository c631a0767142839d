"""How much of a patch a release has already."""

from __future__ import annotations

from specroll.stack.patch import FilePatch, Patch, Reader


def count(patch: Patch, old: Reader, new: Reader) -> tuple[int, int]:
    """Count the lines that a patch adds, and which of them are new in a release without it.

    Lines without a letter or a digit do not count.

    Args:
        patch: The patch.
        old: Reads the files just before it.
        new: Reads the files of the release.

    Returns:
        How many lines the release has, of how many.
    """
    counts = [_count(file, old(file.path), new(file.path)) for file in patch.files]
    return sum(had for had, _ in counts), sum(added for _, added in counts)


def _count(file: FilePatch, old: bytes | None, new: bytes | None) -> tuple[int, int]:
    before, after = _lines(old), _lines(new)
    added = [
        line.strip()
        for hunk in file.hunks
        for line in hunk.target
        if line not in hunk.source and any(map(str.isalnum, line.decode(errors="replace")))
    ]
    return sum(line in after and line not in before for line in added), len(added)


def _lines(data: bytes | None) -> set[bytes]:
    return {line.strip() for line in (data or b"").splitlines()}
