"""How the parts of the NPU emulator are had; the emulator itself is tested in tests/ascend."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import npu_emulator
import pytest
import tomllib

from testing.npu_emulator import cache, schemas
from testing.npu_emulator.releases import RELEASES, Release

ROOT = Path(__file__).parents[2]
LIBRARY = b"\0".join(
    [
        b"\x7fELF",
        b"npu_swiglu(Tensor input, int dim=-1) -> Tensor",
        b"npu_swiglu.out(Tensor input, *, Tensor(a!) out) -> Tensor(a!)",
        b"npu_swiglu(Tensor input, int dim=-1) -> Tensor",
        b"tor input, int dim) -> Tensor",
        b"f(__torch__.torch.classes.Group group) -> Tensor",
        b"\xffnpu_a(Tensor input) -> Tensor",
    ]
)


@pytest.fixture
def wheel(tmp_path):
    """A wheel with the libraries that schemas are read from."""
    path = tmp_path / "torch_npu.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for library in schemas.LIBRARIES.values():
            archive.writestr(library, LIBRARY)
    return path


def test_schemas_are_strings_of_the_libraries(wheel):
    found = schemas.read_wheel(wheel)
    assert found == {
        namespace: [
            "npu_swiglu(Tensor input, int dim=-1) -> Tensor",
            "npu_swiglu.out(Tensor input, *, Tensor(a!) out) -> Tensor(a!)",
        ]
        for namespace in ("npu", "atb")
    }


def test_schemas_are_written_once(wheel, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SPECROLL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", ["schemas", "0.23.0"])
    fetched = []
    monkeypatch.setattr(schemas, "fetch", lambda release: fetched.append(release) or wheel)
    for _ in range(2):
        schemas.main()
    assert fetched == [RELEASES["0.23.0"]]
    path = cache.schemas("2.10.0.post4")
    assert capsys.readouterr().out.splitlines() == [str(path)] * 2
    assert json.loads(path.read_text()) == schemas.read_wheel(wheel)


def test_a_wheel_that_is_not_the_pinned_one_is_refused(wheel, tmp_path, monkeypatch):
    from specroll.errors import NotPinnedError

    monkeypatch.setenv("SPECROLL_CACHE", str(tmp_path))
    release = Release("2.7.1", sha256="0" * 64)
    (tmp_path / "artefacts").mkdir()
    wheel.rename(tmp_path / "artefacts" / release.wheel)
    with pytest.raises(NotPinnedError, match="does not have the pinned sha256"):
        schemas.fetch(release)


def test_there_is_a_release_for_each_stack():
    stacks = [tomllib.loads(path.read_text()) for path in ROOT.glob("patches/*/stack.toml")]
    assert {stack["packages"]["vllm_ascend"]["version"] for stack in stacks} == set(RELEASES)


def test_the_native_part_is_compiled_anew_when_a_source_or_torch_changes(tmp_path, monkeypatch):
    (tmp_path / "device.cpp").write_text("int a;")
    monkeypatch.setattr(cache, "NATIVE_SOURCES", tmp_path)
    first = cache.native_library("2.11.0")
    assert first == cache.native_library("2.11.0")
    assert first != cache.native_library("2.8.0")
    (tmp_path / "device.cpp").write_text("int b;")
    assert first != cache.native_library("2.11.0")


def test_an_environment_that_has_no_npu_is_refused():
    result = subprocess.run(
        [sys.executable, npu_emulator.__file__, "cpu"], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "invalid choice: 'cpu'" in result.stderr
