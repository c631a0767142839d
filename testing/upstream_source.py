"""A stack's upstream as it is: unit tests, and the packages that patches are made for.

    python -m testing.upstream_source STACK    # prints the folder that holds both

runs in the environment `dev`, whose tool fetches the artefacts. Nothing of it is ever committed.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from specroll.cache import cache_folder
from specroll.errors import ToolError
from specroll.stack.archive import paths, read_files
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.registry import Stack as PatchedStack
from specroll.stack.registry import Variant

from testing.registry import ROOT, Stack, stack


@dataclass(frozen=True)
class SourceArchive:
    """A source archive on the package index, pinned by its content.

    For example `SourceArchive("https://index.invalid/alpha-1.0.tar.gz", "0" * 64).folder` is
    `alpha-1.0`.
    """

    url: str
    sha256: str

    @classmethod
    def of(cls, stack: Stack) -> SourceArchive:
        """Read the archive that holds the tests of a stack's upstream."""
        table = stack.ci["upstream"]
        return cls(table["url"], table["sha256"])

    @property
    def folder(self) -> str:
        """The folder that all its files are in."""
        return self.url.rpartition("/")[2].removesuffix(".tar.gz")


def prepare(stack: Stack) -> Path:
    """Fetch and unpack what is not at hand.

    Returns:
        A folder with `tests`, a tree of upstream's tests, and `packages`, importable and unpatched.

    Raises:
        OSError: the archive cannot be fetched.
        ValueError: its content is not the pinned one.
        specroll.errors.ToolError: an artefact cannot be had.
    """
    archive = SourceArchive.of(stack)
    folder = cache_folder() / "upstream" / f"{stack.name}-{archive.sha256[:16]}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            unpack_tests(archive, Path(scratch) / "content")
            unpack_packages(stack, Path(scratch) / "content" / "packages")
            (Path(scratch) / "content").rename(folder)
    return folder


def unpack_tests(archive: SourceArchive, folder: Path) -> None:
    """Fetch a source archive and unpack its tests to `folder`/tests."""
    with tempfile.TemporaryFile() as file:
        with urllib.request.urlopen(archive.url, timeout=60) as answer:
            shutil.copyfileobj(answer, file)
        file.seek(0)
        if hashlib.file_digest(file, "sha256").hexdigest() != archive.sha256:
            raise ValueError(
                f"{archive.url} does not have the pinned sha256; see who serves it, then try again"
            )
        file.seek(0)
        with tarfile.open(fileobj=file) as tar:
            tar.extractall(folder, members=tests_of(tar, archive.folder), filter="data")


def tests_of(tar: tarfile.TarFile, root: str) -> Iterable[tarfile.TarInfo]:
    """Yield the members below `root`/tests, without `root`."""
    for member in tar.getmembers():
        if member.name.startswith(f"{root}/tests/"):
            yield member.replace(name=member.name.removeprefix(f"{root}/"))


def unpack_packages(stack: Stack, folder: Path) -> None:
    """Unpack the packages of the pinned artefacts, without what says that they are installed."""
    for package, variant in tested_variants(stack):
        artefact = Store.beside(None).fetch(variant)
        inside = [path for path in paths(artefact) if path.startswith(f"{package}/")]
        for path, data in read_files(artefact, inside).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)


def tested_variants(stack: Stack) -> Iterable[tuple[str, Variant]]:
    """Yield the patched packages of the environment of upstream's tests, and what installs them."""
    environment = stack.environments[stack.ci["upstream"]["environment"]]
    for package in PatchedStack.load(Distribution(ROOT), stack.name).packages.values():
        for variant in package.variants.values():
            if f"{variant.distribution}=={variant.version}" in environment["requirements"]:
                yield package.name, variant


def main() -> None:
    """Print the folder of the stack that the command line names."""
    try:
        print(prepare(stack(sys.argv[1])))
    except (OSError, ValueError, ToolError) as error:
        sys.exit(f"testing.upstream_source: {error}")


if __name__ == "__main__":
    main()
