"""The scratch repository in which a series is carried: releases as commits, the series on each."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import git

from specroll.authoring.workspace import (
    IDENTITY,
    ISOLATION,
    PRISTINE,
    Workspace,
    commit_files,
    free_of_hooks,
)
from specroll.errors import RequestError
from specroll.stack.header import Header
from specroll.stack.patch import Patch

SERIES = "series"
# A resolution is remembered, and used again for the next release that has the same conflict.
REMEMBERING = {
    "rerere.enabled": "true",
    "rerere.autoUpdate": "true",
    "gc.rerereResolved": "never",
}


class ConflictError(Exception):
    """A patch that git cannot carry; its own conflict state is left in the repository."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        """Name the paths that a person must merge."""
        super().__init__(", ".join(paths))
        self.paths = paths


@dataclass(frozen=True)
class Pick:
    """A commit that was carried.

    Attributes:
        commit: The new commit, None where nothing is left of the old one.
        is_remembered: Whether it was in conflict, and git has used a remembered resolution.
    """

    commit: str | None
    is_remembered: bool = False


@dataclass(frozen=True)
class Carrier:
    """A workspace whose history begins with upstream's releases, one commit each."""

    workspace: Workspace

    @classmethod
    def open(cls, folder: Path, memory: Path) -> Carrier | None:
        """Return the repository in a folder, None where there is none.

        Args:
            folder: Where the repository lies.
            memory: Where git keeps resolutions; repositories that share it share them.

        Raises:
            RequestError: the folder holds something else.
        """
        workspace = Workspace.open(folder)
        if not workspace:
            return None
        # Left by a git that was killed: rebases exclude each other.
        for lock in Path(workspace.repository.git_dir).rglob("*.lock"):
            lock.unlink(missing_ok=True)
        carrier = cls(workspace)
        carrier._remember_in(memory)
        return carrier

    @classmethod
    def create(
        cls,
        folder: Path,
        memory: Path,
        pristine: Iterable[tuple[str, bytes]],
        patches: Sequence[Patch],
    ) -> Carrier:
        """Make the repository: the release that the series was made for, then one commit a patch.

        Args:
            folder: Where the repository shall lie.
            memory: Where git keeps resolutions.
            pristine: Path and bytes of each file of the release.
            patches: The series.

        Raises:
            ToolError: the folder exists or is not writable, or a patch does not apply.
        """
        carrier = cls(Workspace.create(folder, pristine, patches))
        carrier._remember_in(memory)
        return carrier

    def _remember_in(self, memory: Path) -> None:
        for key, value in REMEMBERING.items():
            self._git("config", key, value)
        memory.mkdir(parents=True, exist_ok=True)
        own = self.git_folder / "rr-cache"
        if not own.exists():
            # Relative, so that the whole may be moved.
            own.symlink_to(os.path.relpath(memory, own.parent))

    def moved(self, folder: Path) -> Carrier:
        """Rename the folder; return the repository there."""
        self.folder.rename(folder)
        return Carrier(Workspace(git.Repo(folder)))

    @property
    def folder(self) -> Path:
        """Where the repository lies."""
        return Path(str(self.workspace.repository.working_dir))

    @property
    def git_folder(self) -> Path:
        """Where git keeps its own files."""
        return Path(self.workspace.repository.git_dir)

    def old_commits(self) -> list[str]:
        """Return the commits of the series as it was, the first patch first."""
        between = f"{PRISTINE}..refs/heads/{SERIES}"
        return self._git("rev-list", "--reverse", between).split()

    @property
    def pristine(self) -> str:
        """The commit of the release that the series was made for."""
        return self._git("rev-parse", f"refs/tags/{PRISTINE}")

    def release(self, version: str) -> str | None:
        """Return the commit of a release, None where it is not there yet."""
        found = self._git("rev-parse", "--verify", "--quiet", _tag(version), fails=True)
        return found or None

    def add_release(self, version: str, before: str, files: Iterable[tuple[str, bytes]]) -> str:
        """Commit the files of a release as the successor of another commit; return its commit."""
        self.stand_on(before)
        contents: dict[str, bytes | None] = dict.fromkeys(self._paths())
        contents.update(files)
        with free_of_hooks():
            commit_files(self.workspace.repository, contents.items(), f"release {version}\n")
        self._git("tag", "--force", _tag(version))
        return self.head

    def _paths(self) -> list[str]:
        """Return the paths of the commit that the work tree stands on."""
        # Without -z git writes an unusual name in quotes.
        return [path for path in self._git("ls-files", "-z").split("\0") if path]

    @property
    def head(self) -> str:
        """The commit that the work tree stands on."""
        return self._git("rev-parse", "HEAD")

    def stand_on(self, commit: str) -> None:
        """Make the work tree that of a commit; what was under way there is dropped."""
        self._git("cherry-pick", "--quit", fails=True)
        self._git("checkout", "--quiet", "--force", "--detach", commit)
        self._git("clean", "--quiet", "--force", "-d", "-x")

    def return_to_series(self) -> None:
        """Make the work tree that of the series as it was."""
        self._git("checkout", "--quiet", "--force", SERIES)

    def pick(self, commit: str) -> Pick:
        """Carry a commit three-way onto the one that the work tree stands on.

        Raises:
            ConflictError: git cannot, and remembers no resolution.
            RequestError: git fails, which says nothing about the commit.
        """
        base = self.head
        with self._isolated(None):
            status, _, error = self._run(("cherry-pick", commit))
        if not status:
            return Pick(self.settle(commit, base))
        # It stops with 1 at a conflict, and where nothing is left.
        if status != 1 or self.picked != commit:
            raise RequestError(f"git cherry-pick fails in {self.folder}: {error or status}")
        carried = self.settle(commit, base)
        return Pick(carried, is_remembered=carried is not None)

    def settle(self, commit: str, base: str) -> str | None:
        """Finish carrying a commit onto a base, once no conflict is left; see `pick`.

        Whoever commits by hand has finished it.

        Returns:
            The new commit, None where what is added equals the base.

        Raises:
            ConflictError: a path is still in conflict.
            RequestError: a change is not added, nothing is carried any more, or the repository
                stands elsewhere.
        """
        if paths := self.conflicts():
            raise ConflictError(paths)
        if paths := self.not_added():
            raise RequestError(
                f"{self.folder} holds changes in {paths[0]} that are not added; `git add` what"
                " belongs to the patch and remove the rest, then --continue"
            )
        if self.picked:
            if self._git("write-tree") == self.tree(base):
                self._git("cherry-pick", "--skip")
                return None
            self._commit(self.message(commit))
        if self.head == base:
            raise RequestError(
                f"{self.folder} carries nothing any more, as after `git cherry-pick --abort`; leave"
                " out --continue to carry the patch anew, or leave it out of the series with"
                " --continue --drop"
            )
        if self.parent(self.head) != base:
            raise RequestError(
                f"{self.folder} does not stand on the patch that was in conflict; check out a"
                f" commit that follows {base[:10]}, then --continue"
            )
        return self.head

    def _commit(self, message: str) -> None:
        self._git("commit", "--quiet", "--no-verify", "--cleanup=verbatim", f"--message={message}")

    @property
    def picked(self) -> str | None:
        """The commit at which git has stopped, None where nothing is under way."""
        head = self._git("rev-parse", "--verify", "--quiet", "CHERRY_PICK_HEAD", fails=True)
        return head or None

    def conflicts(self) -> tuple[str, ...]:
        """Return the paths that git could not merge and nobody has added since."""
        return tuple(self._git("diff", "--name-only", "--diff-filter=U").splitlines())

    def not_added(self) -> tuple[str, ...]:
        """Return the paths whose files differ from what is added."""
        changed = self._git("diff", "--name-only").splitlines()
        return (*changed, *self._git("ls-files", "--others", "--exclude-standard").splitlines())

    def strict_tree(self, commit: str, onto: str) -> str | None:
        """Return the tree that a commit's diff gives without any merge, None where it fails."""
        with tempfile.TemporaryDirectory() as folder:
            diff = Path(folder) / "diff"
            diff.write_bytes(self.diff(commit))
            place = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._git("read-tree", onto, environment=place)
            command = ("apply", "--cached", "--whitespace=nowarn", str(diff))
            if self._status(*command, environment=place):
                return None
            return self._git("write-tree", environment=place)

    def tree(self, commit: str) -> str:
        """Return the tree of a commit."""
        return self._git("rev-parse", f"{commit}^{{tree}}")

    def parent(self, commit: str) -> str:
        """Return the commit before a commit."""
        return self._git("rev-parse", f"{commit}^")

    def diff(self, commit: str) -> bytes:
        """Return what a commit changes, as a patch file without its head."""
        return self.workspace.diff(self.workspace.repository.commit(commit))

    def message(self, commit: str) -> str:
        """Return the message of a commit."""
        return str(self.workspace.repository.commit(commit).message)

    def patch(self, commit: str, name: str, package: str) -> Patch:
        """Return the patch that stands for a commit."""
        data = self.workspace.patch(self.workspace.repository.commit(commit))
        return Patch.parse(name, data, package)

    def reader(self, commit: str) -> Tree:
        """Return what reads the files of a commit."""
        return Tree(self.workspace.repository.commit(commit))

    def heads(self) -> list[str]:
        """Return the commits that work tree and series stand on."""
        return self._git("rev-parse", "HEAD", f"refs/heads/{SERIES}").split()

    def others(self, known: Iterable[str]) -> list[str]:
        """Return the commits of work tree and series that none of the known ones leads to."""
        return self._git("rev-list", *self.heads(), "--not", *known).split()

    @property
    def is_dirty(self) -> bool:
        """Whether the work tree holds what is not committed."""
        return bool(self._git("status", "--porcelain"))

    def commit_tree(self, tree: str, parent: str, message: str) -> str:
        """Commit a tree after a parent; return the commit, the same whenever it is asked for."""
        return self._git("commit-tree", tree, "-p", parent, "-m", message)

    def rewritten(self, release: str, commits: Sequence[str], headers: Mapping[str, Header]) -> str:
        """Return the last of these commits with other messages: the same whenever it is asked for.

        Args:
            release: The version of the release that they follow.
            commits: Those of the series on it, in their order.
            headers: What some of them say from now on, by commit.
        """
        parent = self._git("rev-parse", _tag(release))
        for commit in commits:
            header = headers.get(commit)
            message = header.message if header else self.message(commit)
            parent = self.commit_tree(self.tree(commit), parent, message)
        return parent

    def conclude(self, release: str, tip: str) -> None:
        """Make the commits up to a tip the series, and a release its pristine commit."""
        self._git("update-ref", f"refs/tags/{PRISTINE}", self._git("rev-parse", _tag(release)))
        self._git("checkout", "--quiet", "--force", "-B", SERIES, tip)

    def _git(
        self, *arguments: str, fails: bool = False, environment: Mapping[str, str] | None = None
    ) -> str:
        """Run git and return what it prints; where it `fails`, that is no error."""
        with self._isolated(environment):
            status, output, error = self._run(arguments)
        if status and not fails:
            raise RequestError(f"git {arguments[0]} fails in {self.folder}: {error}")
        return output if not status else ""

    def _status(self, *arguments: str, environment: Mapping[str, str]) -> int:
        with self._isolated(environment):
            return self._run(arguments)[0]

    def _run(self, arguments: Sequence[str]) -> tuple[int, str, str]:
        status, output, error = self.workspace.repository.git.execute(
            ["git", *arguments], with_extended_output=True, with_exceptions=False
        )
        return int(status), str(output), str(error)

    @contextmanager
    def _isolated(self, environment: Mapping[str, str] | None) -> Iterator[None]:
        named = {**IDENTITY, **ISOLATION, "GIT_EDITOR": "true", **(environment or {})}
        with free_of_hooks(), self.workspace.repository.git.custom_environment(**named):
            yield


@dataclass(frozen=True)
class Tree:
    """Reads the files of a commit by their path, None where there is none."""

    commit: git.Commit

    def __call__(self, path: str) -> bytes | None:
        """Return the bytes of a file."""
        try:
            blob = self.commit.tree / path
        except KeyError:
            return None
        return bytes(blob.data_stream.read())


def _tag(version: str) -> str:
    return f"release-{version}"
