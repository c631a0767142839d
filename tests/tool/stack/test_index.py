"""The package index: releases and their files, as PEP 691 has them."""

import json

import pytest
from specroll.errors import NotPinnedError
from specroll.stack import index
from specroll.stack.index import PYPI, Index, IndexFile
from specroll.stack.registry import Artefact

NAMES = [
    "alpha-1.10.tar.gz",
    "alpha-1.9-cp311-cp311-manylinux_2_28_aarch64.whl",
    "alpha-1.9-cp311-cp311-manylinux_2_28_x86_64.manylinux2014_x86_64.whl",
    "alpha-1.9-cp311-cp311-macosx_11_0_x86_64.whl",
    "alpha-1.9.tar.gz",
    "alpha-1.10rc1-py3-none-any.whl",
    "alpha-1.9.post1.tar.gz",
    "alpha-1.8.egg",
    "alpha-one.tar.gz",
    "alpha-1.8.zip",
]


@pytest.fixture
def offered(small_index, tmp_path):
    for name in NAMES:
        (tmp_path / name).write_text(name)
        small_index.files.append(tmp_path / name)
    return small_index


def test_releases_in_their_order(offered):
    releases = Index.at(offered.url).releases("Alpha")
    assert [str(release.version) for release in releases] == ["1.9", "1.9.post1", "1.10rc1", "1.10"]
    assert [release.is_prerelease for release in releases] == [False, False, True, False]


def test_files_of_a_release(offered):
    first, post, candidate, _ = Index.at(offered.url).releases("alpha")
    assert first.source_archive.name == "alpha-1.9.tar.gz"
    assert [file.name for file in first.wheels("manylinux*_x86_64")] == [NAMES[2]]
    assert [file.name for file in first.wheels("manylinux_2_28_aarch64")] == [NAMES[1]]
    assert [file.name for file in candidate.wheels("manylinux*_x86_64")] == [NAMES[5]]
    assert (post.wheels("*"), candidate.source_archive) == ((), None)


def test_what_a_page_says_of_a_file(offered, tmp_path):
    _, post, *_ = Index.at(offered.url).releases("alpha")
    assert post.source_archive == IndexFile(
        "alpha-1.9.post1.tar.gz",
        f"{offered.url.removesuffix('simple')}files/alpha-1.9.post1.tar.gz",
        offered.entry(tmp_path / "alpha-1.9.post1.tar.gz")["hashes"]["sha256"],
        len("alpha-1.9.post1.tar.gz"),
    )


def test_files_that_were_taken_back(offered):
    """They belong to no release, and what is pinned can still be had."""
    offered.yanked = {"alpha-1.9.tar.gz", "alpha-1.10.tar.gz"}
    releases = Index.at(offered.url).releases("alpha")
    assert [str(release.version) for release in releases] == ["1.9", "1.9.post1", "1.10rc1"]
    assert releases[0].source_archive is None
    digest = offered.entry(offered.files[0])["hashes"]["sha256"]
    found = Index.at(offered.url).file("alpha", Artefact("alpha-1.10.tar.gz", digest))
    assert (found.name, found.yanked) == ("alpha-1.10.tar.gz", True)


def page(*entries):
    return json.dumps({"files": list(entries)}).encode()


def test_files_without_a_plain_name_or_a_hash_are_left_out(small_index):
    good = {"filename": "alpha-1.0.tar.gz", "url": "x", "hashes": {"sha256": "A" * 64}, "size": "?"}
    names = [{**good, "filename": name} for name in ("../alpha-2.0.tar.gz", "b/alpha-2.0.tar.gz")]
    small_index.answers["/simple/alpha/"] = page(*names, {**good, "hashes": {"md5": "0"}}, good)
    (release,) = Index.at(small_index.url).releases("alpha")
    (file,) = release.files
    assert (file.name, file.sha256, file.size) == ("alpha-1.0.tar.gz", "a" * 64, None)
    assert file.url == f"{small_index.url}/alpha/x"


MALFORMED = [
    b"{",
    b"[]",
    b"{}",
    b"[" * 99999,
    page(1),
    page({"filename": "a", "url": "a"}),
    page({"filename": 1, "url": "a", "hashes": {"sha256": "0"}}),
    page({"filename": "a", "url": "a", "hashes": {"sha256": 1}}),
    page({"filename": "a", "url": "http://[", "hashes": {"sha256": "0"}}),
]


@pytest.mark.parametrize("content", MALFORMED)
def test_malformed_page(small_index, content):
    small_index.answers["/simple/alpha/"] = content
    with pytest.raises(NotPinnedError, match=r"/simple/alpha/ is no page as PEP 691 has it; name"):
        Index.at(small_index.url).releases("alpha")


def test_index_with_the_older_form_alone(offered):
    offered.form = "text/html"
    with pytest.raises(NotPinnedError, match=r"alpha/ has only the older form, not JSON \(PEP 691"):
        Index.at(offered.url).releases("alpha")


def test_distribution_that_the_index_lacks(offered):
    with pytest.raises(NotPinnedError, match=r"/simple/beta/ cannot be read \(HTTP Error 404: Not"):
        Index.at(offered.url).releases("beta")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/simple", "gopher://x", "simple", "http://x y"])
def test_index_that_cannot_be_reached(url):
    with pytest.raises(NotPinnedError, match=r"cannot be read \(.+\); name another index with"):
        Index.at(url).releases("alpha")


def test_address_that_is_none():
    with pytest.raises(NotPinnedError, match=r"http://\[/simple cannot be read"):
        Index.at("http://[/simple")


def test_pinned_file_that_the_index_lacks(offered):
    for artefact in (Artefact("alpha-1.9.tar.gz", "0" * 64), Artefact("alpha-2.tar.gz", "0" * 64)):
        with pytest.raises(NotPinnedError, match=f"has no {artefact.name} with the pinned sha256"):
            Index.at(offered.url).file("alpha", artefact)


def test_index_that_asks_for_a_password(offered):
    """Also for its files; and no message tells the password."""
    offered.authorization = "Basic bWU6c2VAY3JldA=="
    url = offered.url.replace("://", "://me:se%40cret@")
    (file, *_) = Index.at(url).releases("alpha")[0].files
    assert b"".join(Index.at(url).blocks(file)) == file.name.encode()
    with pytest.raises(NotPinnedError, match="401") as caught:
        Index.at(url.replace("cret", "crets")).releases("alpha")
    assert "crets" not in f"{caught.value}{Index.at(url)!r}"


def test_file_that_is_gone(offered):
    (file, *_) = Index.at(offered.url).releases("alpha")[0].files
    offered.files.clear()
    with pytest.raises(NotPinnedError, match=r"\.whl cannot be read \(HTTP Error 404"):
        list(Index.at(offered.url).blocks(file))


@pytest.fixture
def configuration(tmp_path, monkeypatch):
    """A configuration file of pip's."""
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    return tmp_path / "pip.conf"


def test_index_of_the_environment_comes_first(configuration, monkeypatch):
    configuration.write_text("[global]\nindex-url = https://second.invalid/simple\n")
    assert Index.configured() == Index("https://second.invalid/simple")
    monkeypatch.setenv("PIP_INDEX_URL", "https://me@first.invalid/simple/")
    assert Index.configured() == Index("https://first.invalid/simple", ("me", ""))


def test_index_where_nothing_is_configured(configuration, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    assert Index.configured() == Index(PYPI)


def test_index_where_there_is_no_pip(configuration, monkeypatch):
    configuration.write_text("[global]\nindex-url = https://second.invalid/simple\n")
    monkeypatch.setattr(index.importlib.util, "find_spec", lambda name: None)
    assert Index.configured() == Index(PYPI)
