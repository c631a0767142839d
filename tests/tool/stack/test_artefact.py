"""Pinned files: found, downloaded, verified."""

import hashlib
import io
import sys

import pytest
from specroll.errors import NotPinnedError, TargetError
from specroll.stack import artefact
from specroll.stack.artefact import Store
from specroll.stack.registry import Artefact, Variant

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


def test_only_wheels_can_be_downloaded():
    with pytest.raises(NotPinnedError, match="is not the name of a wheel"):
        artefact._tags("a-1.tar.gz")
