"""A folder in which the patch tool may do as it likes, put back after each case."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from specroll.commands.apply import apply
from specroll.stack.sets import Choice
from specroll.target.selection import Request
from specroll.writing.transaction import LOCK_FILE

from testing import small_sets
from testing.file_system_steps import told
from testing.small_project import Project, snapshot

# Where a run is stopped, so that it leaves a journal before, or after, its commit record.
INTERRUPTIONS = {"undecided": ("open", "/commit"), "decided": ("replace", "/.core.py.")}


@dataclass(frozen=True)
class Box:
    """A project, a site with installed packages, and other files that are nobody's business."""

    root: Path
    wheel: Path

    @classmethod
    def create(cls, root: Path) -> Box:
        """Make the project, and a template of the site in every condition."""
        (root / "outside").mkdir(parents=True)
        (root / "outside/x").write_text("not ours\n")
        wheels = small_sets.build_wheels(root)
        box = cls(root, wheels["alpha"])
        small_sets.create(box.project.root, wheels)
        shutil.copytree(box.project.root, box.template("project"))
        for name in ("pristine", "applied", "with a set", *INTERRUPTIONS):
            box.project.install(box.site)
            if name == "applied":
                apply(box.request)
            if name == "with a set":
                apply(replace(box.request, choice=Choice(wanted=("cpu",))))
            if name in INTERRUPTIONS:
                _interrupted_apply(box.request, *INTERRUPTIONS[name])
                # Left by what was interrupted, and removed by whatever runs next.
                (box.site / LOCK_FILE).unlink()
            box.site.rename(box.template(name))
        return box

    @property
    def site(self) -> Path:
        """The folder that commands work on."""
        return self.root / "site"

    @property
    def project(self) -> Project:
        """The patch set that commands apply."""
        return Project(self.root / "project", self.wheel)

    @property
    def request(self) -> Request:
        """The request to work on the site."""
        return self.project.request(self.site)

    def template(self, name: str) -> Path:
        """The folder that a site, or the project, is put back from."""
        return self.root / "templates" / name

    def reset(self, condition: str) -> None:
        """Put everything back, the site in the named condition."""
        _restore(self.template(condition), self.site)
        _restore(self.template("project"), self.project.root)

    def surroundings(self) -> dict[str, bytes | None]:
        """Return what no command may change: all but the site, and the lock, which is computed."""
        project = snapshot(self.project.root)
        project.pop("patches/1.0/stack.lock.json")
        beside = {path.name: None for path in self.root.iterdir()}
        return {**project, **snapshot(self.root / "outside"), **beside}


def _restore(source: Path, target: Path) -> None:
    if not target.exists() or snapshot(target) != snapshot(source):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)


def _interrupted_apply(request: Request, name: str, fragment: str) -> None:
    def witness(step: str, path: str) -> None:
        if step == name and fragment in path:
            os._exit(0)

    child = os.fork()
    if not child:
        with told(witness):
            apply(request)
        os._exit(1)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError(f"no step {name} of {fragment}")
