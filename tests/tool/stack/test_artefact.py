"""Pinned files: found, downloaded, verified."""

import dataclasses
import hashlib
import io
import sys

import pytest
from specroll.errors import NotPinnedError, TargetError
from specroll.stack import artefact
from specroll.stack.artefact import Store
from specroll.stack.index import Index
from specroll.stack.registry import Artefact, Variant

from testing import small_project

NAME = "alpha-1.0-py3-none-any.whl"


@pytest.fixture
def variant(wheelhouse):
    digest = hashlib.sha256((wheelhouse / NAME).read_bytes()).hexdigest()
    return Variant("alpha", "1.0", Artefact(NAME, digest))


def test_folder_comes_before_the_cache(variant, wheelhouse):
    assert Store.beside(wheelhouse).fetch(variant) == wheelhouse / NAME


def test_downloads_into_the_cache(variant, wheelhouse, monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheelhouse))
    pip = [sys.executable, "-m", "pip"]
    if artefact._pip() != pip:
        pytest.skip("pip is not installed beside the tests")
    path = Store.beside(None).fetch(variant)
    assert path == tmp_path / "cache/artefacts" / NAME
    assert Store.beside(None).fetch(variant) == path


def pip_that(monkeypatch, tmp_path, code):
    script = tmp_path / "pip.py"
    script.write_text(f"import sys, pathlib\nto = sys.argv[sys.argv.index('--dest') + 1]\n{code}\n")
    monkeypatch.setattr(artefact, "_pip", lambda: [sys.executable, str(script)])


def test_download_with_another_client(variant, wheelhouse, monkeypatch, tmp_path):
    source = str(wheelhouse / NAME)
    pip_that(monkeypatch, tmp_path, f"import shutil; shutil.copy({source!r}, to)")
    assert Store.beside(None).fetch(variant) == artefact.cache_folder() / "artefacts" / NAME


def test_downloads_while_messages_are_collected(variant, wheelhouse, monkeypatch, tmp_path, capfd):
    source = str(wheelhouse / NAME)
    pip_that(monkeypatch, tmp_path, f"print('50 %'); import shutil; shutil.copy({source!r}, to)")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert Store.beside(None).fetch(variant).is_file()
    assert capfd.readouterr() == ("", "50 %\n")


def test_index_gives_another_file(variant, monkeypatch, tmp_path):
    pip_that(monkeypatch, tmp_path, "pathlib.Path(to, 'alpha-1.0-2-py3-none-any.whl').touch()")
    with pytest.raises(NotPinnedError, match=r"gave another file than alpha-1\.0-py3"):
        Store.beside(None).fetch(variant)


def test_index_cannot_be_reached(variant, monkeypatch, tmp_path):
    pip_that(monkeypatch, tmp_path, "sys.exit(1)")
    with pytest.raises(NotPinnedError, match="cannot be downloaded"):
        Store.beside(None).fetch(variant)


def test_wrong_content(variant, tmp_path):
    (tmp_path / NAME).write_text("")
    with pytest.raises(NotPinnedError, match=f"{tmp_path / NAME} does not have the pinned sha256"):
        Store.beside(tmp_path).fetch(variant)


def test_cache_that_cannot_be_written(variant, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPECROLL_CACHE", str(tmp_path / "file"))
    with pytest.raises(TargetError, match="cannot be written"):
        Store.beside(None).fetch(variant)


def test_clients(monkeypatch):
    found = {"pip": object(), "uv": "/bin/uv"}
    monkeypatch.setattr(artefact.importlib.util, "find_spec", found.get)
    monkeypatch.setattr(artefact.shutil, "which", found.get)
    assert artefact._pip() == [sys.executable, "-m", "pip"]
    del found["pip"]
    assert artefact._pip() == ["/bin/uv", "tool", "run", "pip"]
    del found["uv"]
    with pytest.raises(NotPinnedError, match="has no pip"):
        artefact._pip()


@pytest.fixture
def source(small_index, tmp_path):
    """A source archive that an index offers, as a registry pins it."""
    path = small_project.build_source_archive(tmp_path, "alpha", "1.0", small_project.UPSTREAM)
    small_index.files.append(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Variant("alpha", "1.0", Artefact(path.name, digest))


def test_source_archive_is_downloaded_and_not_built(source, small_index, monkeypatch, tmp_path):
    monkeypatch.setattr(artefact, "_pip", lambda: pytest.fail("pip builds source archives"))
    path = Store.beside(None).fetch(source)
    assert path == tmp_path / "cache/artefacts/alpha-1.0.tar.gz"
    assert path.read_bytes() == (tmp_path / path.name).read_bytes()
    asked_for = list(small_index.asked_for)
    assert Store.beside(None).fetch(source) == path
    assert small_index.asked_for == asked_for == ["/simple/alpha/", "/files/alpha-1.0.tar.gz"]
    assert list(path.parent.iterdir()) == [path]


def test_files_of_an_index_are_fetched_by_their_hash(source, small_index, tmp_path):
    index = Index.at(small_index.url)
    file = index.releases("alpha")[0].source_archive
    path = Store.beside(None).fetch_file(file, index)
    assert Store.beside(None).fetch_file(file, index) == path
    assert small_index.asked_for.count("/files/alpha-1.0.tar.gz") == 1
    with pytest.raises(NotPinnedError, match="does not have the pinned sha256; delete it"):
        Store.beside(None).fetch_file(dataclasses.replace(file, sha256="0" * 64), index)


def test_index_that_gives_other_content_than_it_says(source, small_index, tmp_path):
    small_index.answers["/files/alpha-1.0.tar.gz"] = b"other"
    with pytest.raises(NotPinnedError, match=r"alpha-1\.0\.tar\.gz does not give the content that"):
        Store.beside(None).fetch(source)
    assert not list((tmp_path / "cache/artefacts").iterdir())


def test_source_archive_that_is_not_on_the_index(source, small_index):
    small_index.files.clear()
    with pytest.raises(NotPinnedError, match="cannot be read"):
        Store.beside(None).fetch(source)


def test_source_archive_with_a_cache_that_cannot_be_written(source, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPECROLL_CACHE", str(tmp_path / "file"))
    with pytest.raises(TargetError, match="cannot be written"):
        Store.beside(None).fetch(source)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a-1-py3-none-any.whl", []),
        (
            "a-1-2-cp38-abi3-manylinux_2_28_x86_64.whl",
            [
                "--platform=manylinux_2_28_x86_64",
                "--ignore-requires-python",
                "--abi=abi3",
                "--python-version=3.8",
            ],
        ),
        (
            "a-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
            [
                "--platform=manylinux2014_x86_64",
                "--platform=manylinux_2_17_x86_64",
                "--ignore-requires-python",
                "--abi=cp311",
                "--python-version=3.11",
            ],
        ),
    ],
)
def test_wheels_of_other_machines_are_asked_for_by_tag(name, options):
    assert artefact._tags(name) == options


def test_only_wheels_and_source_archives_can_be_downloaded():
    with pytest.raises(NotPinnedError, match="is the name of neither a wheel nor a source archive"):
        artefact._tags("a-1.zip")
