"""The releases that a series is carried through."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.version import InvalidVersion, Version

from specroll.errors import NotPinnedError, RequestError
from specroll.stack.index import Release

LISTED = 5


def route(releases: Sequence[Release], old: str, aim: str, through: bool) -> tuple[str, ...]:
    """Return the versions from an old one, which is left out, to the aim, which is the last.

    Args:
        releases: All that the index has, oldest first.
        old: The release that the series was made for.
        aim: The release that it shall be carried onto.
        through: Whether the final releases between the two are visited, so that merge bases stay
            near.

    Raises:
        NotPinnedError: there is no such release, or it is older.
        RequestError: the aim is no version.
    """
    start, end = Version(old), version_of(aim)
    versions = [release.version for release in releases]
    if end not in versions:
        newest = ", ".join(map(str, versions[-LISTED:])) or "none"
        raise NotPinnedError(f"The index has no release {aim}; its newest are {newest}.")
    if end < start:
        raise NotPinnedError(f"Release {aim} is older than {old}, the one that is pinned.")
    between = [
        str(version) for version in versions if start < version < end and not version.is_prerelease
    ]
    # As the index spells it, however the user does.
    spelled = str(versions[versions.index(end)])
    return (*(between if through else ()), spelled)


def version_of(text: str) -> Version:
    """Return a version as a user spells it.

    Raises:
        RequestError: it is none.
    """
    try:
        return Version(text)
    except InvalidVersion as error:
        raise RequestError(f"{text!r} is no version; name one that the index has.") from error
