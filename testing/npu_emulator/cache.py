"""Where the parts of the emulator lie that are built or fetched."""

from __future__ import annotations

import hashlib
from pathlib import Path

from specroll.cache import cache_folder

NATIVE_SOURCES = Path(__file__).parent / "native"


def native_library(torch_version: str) -> Path:
    """The device, compiled from the sources that lie here for one version of PyTorch."""
    digest = hashlib.sha256()
    for source in sorted(NATIVE_SOURCES.iterdir()):
        digest.update(source.name.encode() + source.read_bytes())
    folder = f"torch-{torch_version}-{digest.hexdigest()[:16]}"
    return cache_folder() / "npu_emulator" / folder / "npu_device.so"


def schemas(torch_npu_version: str) -> Path:
    """The operator schemas of one version of torch_npu."""
    return cache_folder() / "npu_emulator" / f"torch_npu-{torch_npu_version}.json"
