"""Where the parts of the emulator lie that are built or fetched."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

NATIVE_SOURCES = Path(__file__).parent / "native"


def cache_folder() -> Path:
    """Folder of the emulator's parts; the same as that of environments (ci/environment.py)."""
    chosen = os.environ.get("SPECRL_CACHE")
    root = Path(chosen).resolve() if chosen else Path.home() / ".cache" / "specrl"
    return root / "npu_emulator"


def native_library(torch_version: str) -> Path:
    """The device, compiled from the sources that lie here for one version of PyTorch."""
    digest = hashlib.sha256()
    for source in sorted(NATIVE_SOURCES.iterdir()):
        digest.update(source.name.encode() + source.read_bytes())
    folder = f"torch-{torch_version}-{digest.hexdigest()[:16]}"
    return cache_folder() / folder / "npu_device.so"


def schemas(torch_npu_version: str) -> Path:
    """The operator schemas of one version of torch_npu."""
    return cache_folder() / f"torch_npu-{torch_npu_version}.json"
