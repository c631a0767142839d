"""How the parts of the NPU emulator are had; the emulator itself is tested in tests/ascend."""

import json
import subprocess
import sys
import zipfile

import pytest

from ci import npu_emulator
from ci.environment import BuildError, find
from testing.npu_emulator import cache as parts
from testing.npu_emulator import releases, schemas
from testing.npu_emulator.releases import Release
from testing.registry import stacks

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


def test_schemas_are_written_once(wheel, cache, monkeypatch, capsys):
    stack = stacks()[0]
    release = Release.of(stack)
    monkeypatch.setattr(sys, "argv", ["schemas", stack.name])
    fetched = []
    monkeypatch.setattr(schemas, "fetch", lambda release: fetched.append(release) or wheel)
    for _ in range(2):
        schemas.main()
    assert fetched == [release]
    path = parts.schemas(release.version)
    assert capsys.readouterr().out.splitlines() == [str(path)] * 2
    assert json.loads(path.read_text()) == schemas.read_wheel(wheel)


def test_a_wheel_that_is_not_the_pinned_one_is_refused(wheel, cache):
    from specroll.errors import NotPinnedError

    release = Release("1.0", "torch_npu-1.0-py3-none-any.whl", sha256="0" * 64)
    (cache / "artefacts").mkdir(parents=True)
    wheel.rename(cache / "artefacts" / release.artefact)
    with pytest.raises(NotPinnedError, match="does not have the pinned sha256"):
        schemas.fetch(release)


def test_the_release_is_that_of_the_installed_stack(monkeypatch):
    monkeypatch.setattr(releases, "installed_stack", lambda: stacks()[0])
    assert releases.installed_release() == Release.of(stacks()[0])


def test_without_a_stack_there_is_no_release(monkeypatch):
    monkeypatch.setattr(releases, "installed_stack", lambda: None)
    with pytest.raises(LookupError, match="the releases that are installed are those of no stack"):
        releases.installed_release()


def test_every_emulated_environment_is_known():
    emulated = {find(name).name for name in npu_emulator.emulated_names()}
    expected = {
        f"{stack.ci['emulator']['environment']}-{stack.name}"
        for stack in stacks()
        if "emulator" in stack.ci
    }
    assert emulated == expected


def test_an_environment_of_no_stack_has_no_emulator():
    assert not npu_emulator.is_emulated(find("dev"))
    with pytest.raises(BuildError, match="dev is no stack's environment: it has no NPU emulator"):
        npu_emulator.emulated_interpreter("dev")


def test_the_native_part_is_compiled_anew_when_a_source_or_torch_changes(tmp_path, monkeypatch):
    (tmp_path / "device.cpp").write_text("int a;")
    monkeypatch.setattr(parts, "NATIVE_SOURCES", tmp_path)
    first = parts.native_library("2.1")
    assert first == parts.native_library("2.1")
    assert first != parts.native_library("2.0")
    (tmp_path / "device.cpp").write_text("int b;")
    assert first != parts.native_library("2.1")


def test_an_environment_that_has_no_npu_is_refused():
    result = subprocess.run(
        [sys.executable, npu_emulator.__file__, "cpu"], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "invalid choice: 'cpu'" in result.stderr
