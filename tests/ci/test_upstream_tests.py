"""Upstream's own tests: what is fetched, what is compared, and what is said."""

import io
import sys
import tarfile
from hashlib import sha256
from xml.etree import ElementTree

import pytest
import upstream_tests
from environment import BuildError

from testing import upstream_source
from testing.upstream_source import SourceArchive


@pytest.fixture
def archive(tmp_path):
    """A source archive with a test, a module, and an address that needs no network."""
    path = tmp_path / "project-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("tests/ut/test_it.py", "project/module.py"):
            member = tarfile.TarInfo(f"project-1.0/{name}")
            tar.addfile(member, io.BytesIO())
    return SourceArchive(path.as_uri(), sha256(path.read_bytes()).hexdigest())


def test_only_tests_are_unpacked(archive, tmp_path):
    upstream_source.unpack_tests(archive, tmp_path / "content")
    found = [path for path in (tmp_path / "content").rglob("*") if path.is_file()]
    assert found == [tmp_path / "content/tests/ut/test_it.py"]


def test_an_archive_that_is_not_the_pinned_one(archive, tmp_path, monkeypatch):
    other = SourceArchive(archive.url, "0" * 64)
    monkeypatch.setattr(upstream_source, "ARCHIVES", {"a stack": other})
    monkeypatch.setattr(upstream_source, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(sys, "argv", ["upstream_source", "a stack"])
    with pytest.raises(SystemExit, match="does not have the pinned sha256"):
        upstream_source.main()
    assert not list((tmp_path / "cache/upstream").iterdir())


def test_an_archive_that_is_not_there(tmp_path, monkeypatch):
    missing = SourceArchive((tmp_path / "missing.tar.gz").as_uri(), "0" * 64)
    monkeypatch.setattr(upstream_source, "ARCHIVES", {"a stack": missing})
    monkeypatch.setattr(upstream_source, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(sys, "argv", ["upstream_source", "a stack"])
    with pytest.raises(SystemExit, match=r"missing\.tar\.gz"):
        upstream_source.main()


@pytest.mark.parametrize(
    ("content", "outcome"),
    [("", "passed"), ("<failure/>", "failed"), ("<error/>", "failed"), ("<skipped/>", "skipped")],
)
def test_outcomes(content, outcome):
    case = ElementTree.fromstring(f'<testcase classname="a" name="b">{content}</testcase>')
    assert upstream_tests.outcome(case) == ("a.b", outcome)


def test_a_test_that_is_lost_fails_the_run(capsys):
    before = {"a": "passed", "b": "passed", "c": "failed"}
    assert upstream_tests.report(before, {"a": "passed", "b": "failed", "c": "passed"}) == 1
    assert "not with the patched ones: b" in capsys.readouterr().out
    assert upstream_tests.report(before, {"a": "passed", "c": "failed"}) == 1
    assert upstream_tests.report(before, before) == 0


def test_a_run_in_which_nothing_passes_fails():
    assert upstream_tests.report({"a": "failed"}, {"a": "failed"}) == 1
    assert upstream_tests.report({}, {}) == 1


def test_an_interpreter_that_dies(tmp_path):
    with pytest.raises(BuildError, match="pytest ended without a result in"):
        upstream_tests.outcomes("false", tmp_path, {})
