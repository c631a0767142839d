"""What is said where a part of the emulator is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from testing.npu_emulator import cache, native_library
from testing.npu_emulator.memory_size import VARIABLE, total_memory

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "testing/npu_emulator/packages"


@pytest.fixture(scope="session")
def library():
    """The native part in the cache that these tests were started with."""
    return cache.native_library(torch.__version__)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECROLL_CACHE", str(tmp_path))
    return tmp_path


def import_torch_npu():
    """The last line that a process writes in which torch_npu is imported."""
    environment = {**os.environ, "PYTHONPATH": f"{PACKAGES}:{ROOT}"}
    result = subprocess.run(
        [sys.executable, "-c", "import torch_npu"], env=environment, capture_output=True, text=True
    )
    return result.stderr.splitlines()[-1]


def test_there_is_no_compiler(empty_cache, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(native_library.BuildError, match=r"no no-such-compiler in PATH; install"):
        native_library.build()
    result = subprocess.run(
        [sys.executable, "-m", "testing.npu_emulator.native_library"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("The NPU emulator needs a C++ compiler, and there is no no-")


def test_the_compiler_fails(empty_cache, monkeypatch):
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(native_library.BuildError, match="native part was not compiled: "):
        native_library.build()
    with pytest.raises(native_library.BuildError, match=r"npu_device\.so is missing"):
        native_library.load()


def test_the_native_part_is_missing(empty_cache):
    assert import_torch_npu().endswith("is missing; `python3 ci/npu_emulator.py` builds it")


def test_the_schemas_are_missing(library, empty_cache):
    copy = cache.native_library(torch.__version__)
    copy.parent.mkdir(parents=True)
    copy.symlink_to(library)
    assert import_torch_npu().endswith("is missing; `python3 ci/npu_emulator.py` writes it")


@pytest.mark.parametrize("text", ["0", "-1", "many"])
def test_memory_is_a_number_of_bytes(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ValueError, match=f"{VARIABLE} must be a number of bytes greater than 0"):
        total_memory()
