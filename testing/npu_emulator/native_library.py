"""The compiled part of the emulator: `python -m testing.npu_emulator.native_library` builds it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from pathlib import Path
from types import ModuleType

import torch

from testing.npu_emulator import cache


class BuildError(Exception):
    """The native part cannot be built, or was not."""


def build() -> Path:
    """Compile the native part for this interpreter's PyTorch, where that was not done before.

    Raises:
        BuildError: there is no compiler, or it fails.
    """
    library = cache.native_library(torch.__version__)
    if library.exists():
        return library
    compiler = os.environ.get("CXX", "c++")
    if not shutil.which(compiler):
        raise BuildError(
            f"The NPU emulator needs a C++ compiler, and there is no {compiler} in PATH;"
            " install g++, or name a compiler with CXX"
        )
    scratch = library.parent.with_name(f"{library.parent.name}.building")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    _compile(library.stem, scratch)
    scratch.rename(library.parent)
    return library


def _compile(name: str, folder: Path) -> None:
    """Compile with ninja, which lies beside the interpreter."""
    # Not above: where there is no GPU, its import warns of that.
    from torch.utils import cpp_extension

    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    try:
        cpp_extension.load(
            name,
            sorted(map(str, cache.NATIVE_SOURCES.glob("*.cpp"))),
            extra_cflags=["-O1", "-g0", "-Wall"],
            build_directory=str(folder),
            verbose=sys.stderr.isatty(),
        )
    except (RuntimeError, subprocess.SubprocessError) as error:
        raise BuildError(f"The NPU emulator's native part was not compiled: {error}") from error


def load() -> ModuleType:
    """Return the native part as a module; PyTorch has a device `npu` from then on.

    Raises:
        BuildError: it was not built.
    """
    path = cache.native_library(torch.__version__)
    if not path.exists():
        raise BuildError(f"{path} is missing; `python3 ci/npu_emulator.py` builds it")
    loader = ExtensionFileLoader(path.stem, str(path))
    module = importlib.util.module_from_spec(ModuleSpec(path.stem, loader, origin=str(path)))
    loader.exec_module(module)
    return module


if __name__ == "__main__":
    try:
        print(build())
    except BuildError as error:
        sys.exit(str(error))
