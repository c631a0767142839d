"""Packages as they lie in an environment, found by their files and not by name alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from specroll.errors import TargetError
from specroll.stack.registry import Package
from specroll.stack.sets import normalised
from specroll.target.environment import Environment, is_readable
from specroll.target.record import Record

TREE_STATE = ".apply-patches-state"


@dataclass(frozen=True)
class Installed:
    """An import folder, and the distribution that it came with where that is known.

    >>> Installed("alpha", Path("tree")).state_file
    '.apply-patches-state/alpha/state.json'
    """

    package: str
    root: Path
    distribution: str | None = None
    version: str | None = None
    info: Path | None = None

    @property
    def folder(self) -> Path:
        """The import folder."""
        return self.root / self.package

    @property
    def state_folder(self) -> str:
        """Where the state lies, relative to the root: it dies with the installed distribution."""
        return f"{self.info.name}/apply-patches" if self.info else f"{TREE_STATE}/{self.package}"

    @property
    def state_file(self) -> str:
        """The file that describes the state, relative to the root."""
        return f"{self.state_folder}/state.json"

    @property
    def is_patched(self) -> bool:
        """Whether there is a state."""
        return (self.root / self.state_file).exists()

    @property
    def record_path(self) -> str | None:
        """RECORD relative to the root, None for a tree that has none."""
        return f"{self.info.name}/RECORD" if self.info else None

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file, None where it does not exist.

        Raises:
            TargetError: the file cannot be read.
        """
        return read(self.root / path)

    def time(self, path: str | None) -> int | None:
        """Return the time in nanoseconds of a file's last change, None where it does not exist."""
        file = self.root / path if path else None
        return file.stat().st_mtime_ns if file and file.exists() else None


def read(path: Path) -> bytes | None:
    """Return the bytes of a file, None where it does not exist.

    Raises:
        TargetError: the file cannot be read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise TargetError(f"{path} cannot be read ({error.strerror}); make it readable") from error


def find(environment: Environment, package: Package) -> Installed | None:
    """Return the package as it is installed, None where none of its distributions is."""
    for folder in environment.folders:
        found = next(_candidates(folder, package), None)
        if found:
            return found
        if environment.is_tree and (folder / package.name).is_dir():
            return Installed(package.name, folder)
    return None


def shadow(environment: Environment, found: Installed) -> str | None:
    """Say what Python imports instead of the package that was found, None where it is that."""
    for folder in environment.search_path:
        if folder == found.root:
            return None
        for name in (f"{found.package}/__init__.py", f"{found.package}.py"):
            if (folder / name).is_file():
                return (
                    f"{folder / name} is imported instead of {found.folder}; take {folder} off"
                    " Python's path, or name it with --root"
                )
    return None


def absence(environment: Environment, package: Package) -> str:
    """Say why `find` returned nothing."""
    names = " or ".join(package.distributions)
    for folder in environment.folders:
        if (folder / package.name).is_dir():
            return f"{folder / package.name} exists, but no installed {names} lists its files"
    return f"{names} is not installed in {environment.site}"


def roots(environment: Environment) -> list[Path]:
    """Return every folder that a package may lie in, checkouts installed in place included."""
    infos = [
        path.parent
        for folder in environment.folders
        for path in sorted(folder.glob("*.dist-info/direct_url.json"))
    ]
    # That of a colleague may be closed to us: nothing of ours can lie there.
    checkouts = [root for info in infos for root in _editable_roots(info) if is_readable(root)]
    return list(dict.fromkeys([*environment.folders, *checkouts]))


def _candidates(folder: Path, package: Package) -> Iterator[Installed]:
    wanted = {normalised(name): name for name in package.distributions}
    for info in sorted(folder.glob("*.dist-info")):
        distribution = wanted.get(normalised(info.name.split("-")[0]))
        if not distribution:
            continue
        version = _version(info)
        if Record.parse(read(info / "RECORD") or b"").owns(package.name):
            yield Installed(package.name, folder, distribution, version, info)
        else:
            held = (root for root in _editable_roots(info) if (root / package.name).is_dir())
            yield from (Installed(package.name, root, distribution, version) for root in held)


def _version(info: Path) -> str | None:
    metadata = HeaderParser().parsestr((read(info / "METADATA") or b"").decode(errors="replace"))
    version = metadata["Version"]
    return str(version).strip() if version else None


def _editable_roots(info: Path) -> list[Path]:
    """Return the folders of the checkout that was installed in place, none for a usual install."""
    try:
        source = json.loads(read(info / "direct_url.json") or b"{}")
        editable = source.get("dir_info", {}).get("editable", False)
        checkout = Path(unquote(urlsplit(source.get("url", "")).path)).resolve()
    except (ValueError, RecursionError, AttributeError):
        return []
    return [checkout, checkout / "src"] if editable else []
