"""The schemas of torch_npu's operators, as the libraries of a pinned wheel spell them.

    python -m testing.npu_emulator.schemas STACK    # writes those of a stack's torch_npu

runs in the environment `dev`, whose tool fetches the wheel.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from testing.npu_emulator import cache
from testing.npu_emulator.releases import Release
from testing.registry import stack

# The library in which each namespace of operators is registered.
LIBRARIES = {
    "npu": "torch_npu/lib/libtorch_npu.so",
    "atb": "torch_npu/lib/libop_plugin_atb.so",
}
SCHEMA = re.compile(rb"[A-Za-z_][A-Za-z0-9_.]*\([ -~]*\) -> [ -~]+")


def found_in(library: bytes) -> Iterator[str]:
    """Yield the schemas among the strings of a shared library.

    The strings are split off first: a search for the pattern in the whole library would take hours.
    """
    for string in library.split(b"\0"):
        if b") -> " in string and SCHEMA.fullmatch(string):
            yield string.decode()


def read_wheel(wheel: Path) -> dict[str, list[str]]:
    """Schemas of each namespace; those that only `torch_npu`'s own classes can be given are not."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            namespace: sorted(
                {schema for schema in found_in(archive.read(path)) if "__torch__" not in schema}
            )
            for namespace, path in LIBRARIES.items()
        }


def fetch(release: Release) -> Path:
    """The verified wheel of a release, from the cache of the patch tool.

    Raises:
        specroll.errors.ToolError: it cannot be had, or is not the pinned one.
    """
    from specroll.stack.artefact import Store
    from specroll.stack.registry import Artefact, Variant

    artefact = Artefact(release.artefact, release.sha256)
    return Store.beside(None).fetch(Variant("torch-npu", release.version, artefact))


def main() -> None:
    """Write the schemas of the stack that the command line names."""
    release = Release.of(stack(sys.argv[1]))
    path = cache.schemas(release.version)
    if not path.exists():
        found = read_wheel(fetch(release))
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(found, indent=1))
        unfinished.replace(path)
    print(path)


if __name__ == "__main__":
    main()
