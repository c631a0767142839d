"""The scratch repository in which a series is edited: one commit a patch."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from specroll.errors import Collector, PatchError, RequestError, TargetError
from specroll.stack.header import Header
from specroll.stack.patch import Patch
from specroll.stack.sets import BASE
from specroll.target import installed

try:
    import git
except ImportError as error:
    raise RequestError("Series are edited with git, which is missing here; install it") from error

PRISTINE = "pristine"
# In .git: the series that the repository stands for, so that `refresh` sees when the tree moved on.
ORIGIN = "apply-patches-series"
CONFIGURATION = {
    "core": {"attributesFile": "/dev/null", "excludesFile": "/dev/null", "autocrlf": "false"},
    "commit": {"gpgSign": "false"},
    "user": {"name": "specroll", "email": "patches@specroll.invalid"},
}
# The same commits on every machine and at any time.
IDENTITY = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in {
        "NAME": "specroll",
        "EMAIL": "patches@specroll.invalid",
        "DATE": "1970-01-01T00:00:00+0000",
    }.items()
}
ISOLATION = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_ATTR_NOSYSTEM": "1"}
DIFF_OPTIONS = (
    "--patch",
    "--full-index",
    "--unified=3",
    "--inter-hunk-context=0",
    "--diff-algorithm=myers",
    "--indent-heuristic",
    "--no-renames",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)


@contextmanager
def free_of_hooks() -> Iterator[None]:
    """Hide what git exports to its hooks: it would name the repository of the hook."""
    hidden = {name: os.environ.pop(name) for name in _local_names() if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


@functools.cache
def _local_names() -> tuple[str, ...]:
    return tuple(git.Git().rev_parse("--local-env-vars").split())


@dataclass(frozen=True)
class Workspace:
    """A git repository that begins with a commit of the pristine package."""

    repository: git.Repo

    @classmethod
    @free_of_hooks()
    def open(cls, folder: Path) -> Workspace | None:
        """Return the workspace in a folder, None where there is none.

        Raises:
            RequestError: the folder holds something else.
        """
        if not folder.exists():
            return None
        try:
            repository = git.Repo(folder)
            repository.tags[PRISTINE]
        except (git.InvalidGitRepositoryError, IndexError) as error:
            raise RequestError(f"{folder} was not made by `edit`; move it away") from error
        return cls(repository)

    @classmethod
    @free_of_hooks()
    def create(
        cls, folder: Path, pristine: Iterable[tuple[str, bytes]], patches: Sequence[Patch]
    ) -> Workspace:
        """Make the repository: a commit with the pristine files, then one a patch.

        Raises:
            RequestError: the folder exists.
            PatchError: a patch does not apply.
            TargetError: the folder is not writable.
        """
        if folder.exists():
            raise RequestError(f"{folder} exists; go on there, or delete it to begin anew")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(dir=folder.parent))
        except OSError as error:
            raise TargetError(f"{folder} cannot be made ({error.strerror}); free it") from error
        try:
            _fill(scratch, pristine, patches)
            scratch.rename(folder)
        except BaseException:
            shutil.rmtree(scratch)
            raise
        return cls(git.Repo(folder))

    @free_of_hooks()
    def export(self, sets: Iterable[str]) -> list[tuple[str, bytes]]:
        """Return name and bytes of a patch for every commit after the pristine one.

        Those with the trailer `Patch-Set` follow the others and are numbered by themselves.

        Args:
            sets: The sets that a commit may belong to, in the order in which they follow.

        Raises:
            PatchError: something is not committed, or a commit cannot be a patch.
        """
        if self.repository.head.is_detached:
            raise PatchError(f"{self._place} is in the middle of a rebase; finish it")
        if self.repository.is_dirty(untracked_files=True):
            raise PatchError(f"{self._place} holds changes that are not committed; commit them")
        failures = Collector()
        commits = self.commits()
        headers = [Header.of_message(str(commit.message)) for commit in commits]
        for commit, header in zip(commits, headers, strict=True):
            for problem in self._problems(commit, header):
                failures.add(PatchError(problem))
        for problem in self._misplaced(headers, [BASE, *sets]):
            failures.add(PatchError(problem))
        failures.settle()
        numbers: Counter[str] = Counter()
        exported = []
        for commit, header in zip(commits, headers, strict=True):
            numbers[header.part] += 1
            folder = "" if header.part == BASE else f"{header.part}/"
            name = f"{folder}{numbers[header.part]:04}-{header.stem}.patch"
            exported.append((name, self.patch(commit)))
        return exported

    def commits(self) -> list[git.Commit]:
        """Return the commits after the pristine one, the first patch first."""
        return list(self.repository.iter_commits(f"{PRISTINE}..HEAD", reverse=True))

    def patch(self, commit: git.Commit) -> bytes:
        """Return the bytes of the patch file that stands for a commit."""
        return Header.of_message(str(commit.message)).dump().encode() + self.diff(commit)

    @property
    def origin(self) -> Path:
        """The file that lists the series that the repository stands for."""
        return Path(self.repository.git_dir) / ORIGIN

    @property
    def _place(self) -> str:
        return str(self.repository.working_dir)

    def _problems(self, commit: git.Commit, header: Header) -> Iterator[str]:
        name = f"Commit {commit.hexsha[:10]} ({header.subject!r}) in {self._place}"
        for problem in header.problems():
            yield f"{name} {problem}; reword it"
        if len(commit.parents) != 1:
            yield f"{name} is a merge; rebase it"
        elif commit.tree == commit.parents[0].tree:
            yield f"{name} changes nothing; drop it"

    def _misplaced(self, headers: Sequence[Header], parts: Sequence[str]) -> Iterator[str]:
        """Say which commits belong to no known set, or stand after one of a later set."""
        latest = 0
        for header in headers:
            name = f"The commit {header.subject!r} in {self._place}"
            if header.part not in parts:
                yield f"{name} says `Patch-Set: {header.part}`, a set that the stack lacks"
            elif parts.index(header.part) < latest:
                yield f"{name} follows one of set {parts[latest]}; move it before that"
            else:
                latest = parts.index(header.part)

    def diff(self, commit: git.Commit) -> bytes:
        """Return what a commit changes, as the body of a patch file."""
        with self.repository.git.custom_environment(**ISOLATION):
            output = self.repository.git.diff_tree(
                *DIFF_OPTIONS,
                commit.parents[0].hexsha,
                commit.hexsha,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
            )
        return bytes(output)


def listing(hashes: Iterable[tuple[str, str | None]]) -> bytes:
    """Return names and hashes of a series in the form of sha256sum."""
    return "".join(f"{digest}  {name}\n" for name, digest in hashes).encode()


def _fill(folder: Path, pristine: Iterable[tuple[str, bytes]], patches: Sequence[Patch]) -> None:
    repository = git.Repo.init(folder, initial_branch="series")
    with repository.config_writer() as writer:
        for section, values in CONFIGURATION.items():
            for key, value in values.items():
                writer.set_value(section, key, value)
    commit_files(repository, pristine, "pristine\n")
    repository.create_tag(PRISTINE)
    for patch in patches:
        stem = Path(patch.name).stem.partition("-")[2]
        part = Path(patch.name).parent.name or BASE
        contents = patch.apply(lambda path: installed.read(folder / path))
        commit_files(repository, contents, patch.header.named(stem).of_part(part).message)
    hashes = ((patch.name, patch.sha256) for patch in patches)
    Workspace(repository).origin.write_bytes(listing(hashes))


def commit_files(
    repository: git.Repo, contents: Iterable[tuple[str, bytes | None]], message: str
) -> None:
    """Commit these files, None where one is deleted, alike on every machine and at any time."""
    for name, data in contents:
        path = Path(repository.working_dir) / name
        if data is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    with repository.git.custom_environment(**IDENTITY, **ISOLATION):
        repository.git.add("--all", "--force")
        repository.git.commit(
            "--quiet", "--no-verify", "--allow-empty", "--cleanup=verbatim", f"--message={message}"
        )
