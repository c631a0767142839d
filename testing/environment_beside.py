"""An environment beside another one, in which one patch is missing.

    python -m testing.environment_beside PYTHON PACKAGE/PATCH FOLDER

runs in the environment `dev`, and makes FOLDER. There all is a link to the environment of PYTHON,
but for the package. Its files are hard links: who follows links ends up here, too. Those that the
patch touches are files of its own. It prints the patches that are missing, one a line.

Unlike a folder on PYTHONPATH it holds for processes that are given another one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import git
from specroll.authoring.workspace import IDENTITY, ISOLATION, Workspace, free_of_hooks
from specroll.errors import RequestError, ToolError
from specroll.stack.distribution import Distribution
from specroll.stack.patch import Patch
from specroll.stack.registry import Stack
from specroll.stack.series import Series
from specroll.target import installed, state
from specroll.target.environment import Environment, of_interpreter
from specroll.target.installed import Installed
from specroll.target.state import State

from testing.registry import ROOT


@dataclass(frozen=True)
class Lesser:
    """The touched files of a package without a patch, None where there is none then.

    Attributes:
        files: Their bytes.
        missing: The patches that they lack, in order.
    """

    files: Mapping[str, bytes | None]
    missing: tuple[str, ...]


def make_beside(python: Path, patch: str, folder: Path, distribution: Distribution) -> list[str]:
    """Make an environment like that of an interpreter, without a patch of `PACKAGE/PATCH`.

    Returns:
        The patches that are missing: the named one, and later ones that build on its lines.

    Raises:
        RequestError: the patch is not applied there.
        ToolError: what the patch tool keeps there is damaged, or the patches are not those.
        OSError: the folder cannot be made, or lies on another file system.
    """
    package, _, name = patch.partition("/")
    environment = of_interpreter(str(python))
    found, applied = _applied(environment, package)
    if name not in applied.patches:
        raise RequestError(f"{patch} is not applied in {environment.site}; name one that is.")
    series = Series.load(Stack.load(distribution, applied.stack), package, applied.patches)
    saved = state.saved(found, applied)
    lesser = without({path: saved[path] for path in applied.files}, series.patches, name)
    whole = python.parents[1].resolve()
    inner = (found.root / package).relative_to(whole)
    link(whole, folder, inner.parts)
    for path, data in lesser.files.items():
        if data != found.read(path):
            replace(folder / inner.parent / path, data)
    return [f"{package}/{each}" for each in lesser.missing]


def _applied(environment: Environment, package: str) -> tuple[Installed, State]:
    """Return a package as it is installed, and what was done to it."""
    for found, applied in state.patched(environment):
        if applied.package == package:
            return found, applied
    raise RequestError(f"{package} is not patched in {environment.site}; apply the patches first.")


@free_of_hooks()
def without(pristine: Mapping[str, bytes | None], patches: Sequence[Patch], name: str) -> Lesser:
    """Return touched files as all patches but one leave them.

    The later ones are merged onto what precedes that one. Those that build on its lines do not
    merge, and are missing too.

    Raises:
        PatchError: a patch does not apply.
    """
    present = [(path, data) for path, data in pristine.items() if data is not None]
    place = [patch.name for patch in patches].index(name)
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace.create(Path(scratch) / "package", present, patches)
        repository = workspace.repository
        commits = workspace.commits()
        repository.git.reset("--hard", "--quiet", commits[place].parents[0].hexsha)
        missing = [name]
        for patch, commit in zip(patches[place + 1 :], commits[place + 1 :], strict=True):
            if not _is_picked(repository, commit):
                missing.append(patch.name)
        folder = Path(repository.working_dir)
        files = {path: installed.read(folder / path) for path in pristine}
        return Lesser(files, tuple(missing))


def _is_picked(repository: git.Repo, commit: git.Commit) -> bool:
    """Repeat a commit, and say whether it merges; where it does not, all stays as it is."""
    try:
        with repository.git.custom_environment(**IDENTITY, **ISOLATION):
            repository.git.cherry_pick(commit.hexsha)
    except git.GitCommandError:
        repository.git.cherry_pick("--abort")
        return False
    return True


def link(source: Path, target: Path, inner: Sequence[str]) -> None:
    """Make a folder of links to all that another one holds, but for a folder inside of it.

    The files of that one are hard links. A link of the other folder is copied: where it leads to a
    neighbour, it leads to one here.

    Args:
        source: The other folder.
        target: The new one.
        inner: The names that lead to the folder inside.
    """
    target.mkdir()
    for entry in source.iterdir():
        place = target / entry.name
        if entry.name != inner[0]:
            place.symlink_to(entry.readlink() if entry.is_symlink() else entry)
        elif inner[1:]:
            link(entry, place, inner[1:])
        else:
            shutil.copytree(entry, place, symlinks=True, copy_function=os.link)


def replace(path: Path, data: bytes | None) -> None:
    """Put other bytes in the place of a hard link, or nothing; the linked file stays as it is."""
    path.unlink(missing_ok=True)
    # Of the same size and second it would pass for that of the new file.
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        compiled.unlink()
    if data is not None:
        path.write_bytes(data)


def main() -> None:
    """Make what the command line asks for, and print what is missing there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("python", type=Path, metavar="PYTHON", help="of the patched environment")
    parser.add_argument("patch", metavar="PACKAGE/PATCH", help="the patch that is to be missing")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="which does not exist yet")
    wanted = parser.parse_args()
    try:
        missing = make_beside(wanted.python, wanted.patch, wanted.folder, Distribution(ROOT))
    except (OSError, ToolError) as error:
        sys.exit(f"testing.environment_beside: {error}")
    print("\n".join(missing))


if __name__ == "__main__":
    main()
