"""The place that is worked on: an interpreter's site-packages, or a tree named by hand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from specroll import variables
from specroll.errors import RequestError

SITES = ("site-packages", "dist-packages")
QUESTION = r"import json, sys; print('\nsys.path =', json.dumps(sys.path))"
# What path files and wrapper scripts print stands before and after.
ANSWER = re.compile(rb"^sys\.path = (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Environment:
    """Folders that packages lie in, in the order in which they are imported.

    >>> folders = (Path("/opt/target"), Path("/env/lib/python3.11/site-packages"))
    >>> Environment(folders, is_tree=False).site.as_posix()
    '/env/lib/python3.11/site-packages'
    """

    folders: tuple[Path, ...]
    is_tree: bool
    # All that Python imports from, folders without metadata included.
    search_path: tuple[Path, ...] = ()

    @property
    def site(self) -> Path:
        """The folder that installers write to, as far as names tell."""
        return next((path for path in self.folders if path.name in SITES), self.folders[0])


def of_tree(root: Path) -> Environment:
    """Return an unpacked wheel or a checkout as an environment.

    Raises:
        RequestError: there is no such folder.
    """
    if not root.is_dir():
        raise RequestError(
            f"{root.absolute()} is not a folder; name an unpacked wheel or a checkout."
        )
    return Environment((root.resolve(),), is_tree=True)


def of_interpreter(python: str | None) -> Environment:
    """Ask an interpreter where its packages lie: wherever it imports from and metadata is found.

    Without a name it is the one that the launcher was started with, or else the running one.

    Raises:
        RequestError: the interpreter does not answer, or has no site-packages.
    """
    name = variables.read("TARGET_PYTHON") or sys.executable if python is None else python
    # `./python` is not the one on the path.
    interpreter = str(Path(name).absolute()) if os.sep in name else name
    try:
        # A path file may import modules: -B, so that asking writes nothing.
        output = subprocess.run(
            [interpreter, "-B", "-c", QUESTION], check=True, capture_output=True, timeout=60
        ).stdout
        # The folder that a script is started in has no name here, and is another one each time.
        named = [Path(item) for item in _answer(output) if item]
    except (OSError, subprocess.SubprocessError, ValueError, TypeError) as error:
        raise RequestError(
            f"{interpreter} does not answer as a Python interpreter ({error}); name another one."
        ) from error
    search_path = tuple(path.resolve() for path in named if is_readable(path))
    folders = dict.fromkeys(path for path in search_path if _holds_packages(path))
    if not folders:
        raise RequestError(f"{interpreter} has no site-packages; name another interpreter.")
    return Environment(tuple(folders), is_tree=False, search_path=search_path)


def _answer(output: bytes) -> list[str]:
    if not (answer := ANSWER.search(output)):
        raise ValueError("it does not say where it imports from")
    return list(json.loads(answer[1]))


def _holds_packages(folder: Path) -> bool:
    named = folder.name in SITES and folder.is_dir()
    return named or any(folder.glob("*.dist-info"))


def is_readable(folder: Path) -> bool:
    """Say whether the folder exists and can be looked into; Python passes over others, too."""
    return os.access(folder, os.R_OK | os.X_OK)
