"""Which releases a series is carried through."""

import pytest
from packaging.version import Version
from specroll.errors import NotPinnedError, RequestError
from specroll.porting.route import route
from specroll.stack.index import Release

VERSIONS = ("1.0", "1.1", "1.2rc1", "1.2", "1.2.post1", "1.10", "2.0rc1")
KNOWN = [Release(Version(version), ()) for version in VERSIONS]


@pytest.mark.parametrize(
    ("old", "aim", "through", "visited"),
    [
        ("1.0", "1.2", False, ("1.2",)),
        ("1.0", "1.2", True, ("1.1", "1.2")),
        ("1.1", "1.10", True, ("1.2", "1.2.post1", "1.10")),
        ("1.10", "2.0rc1", True, ("2.0rc1",)),
        ("1.2", "1.2", True, ("1.2",)),
    ],
)
def test_final_releases_on_the_way(old, aim, through, visited):
    assert route(KNOWN, old, aim, through) == visited


def test_an_unknown_release():
    with pytest.raises(NotPinnedError, match=r"no release 3\.0; its newest are .*2\.0rc1\."):
        route(KNOWN, "1.0", "3.0", through=False)


def test_an_older_release():
    with pytest.raises(NotPinnedError, match=r"1\.0 is older than 1\.1"):
        route(KNOWN, "1.1", "1.0", through=False)


def test_no_version():
    with pytest.raises(RequestError, match="'newest' is no version"):
        route(KNOWN, "1.0", "newest", through=False)
