"""A series carried release by release: one step a patch, and what a person must see of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from tqdm import tqdm

from specroll.errors import RequestError
from specroll.porting import added_names, placement, reliance, shared_lines, upstream_names
from specroll.porting.finding import Finding
from specroll.porting.names import Names
from specroll.porting.release import Release
from specroll.porting.repository import Carrier, ConflictError
from specroll.porting.session import (
    CARRIED,
    CONFLICT,
    MERGED,
    OVERLAY,
    SUPERFLUOUS,
    Cell,
    Session,
)
from specroll.stack.header import Header
from specroll.stack.patch import Reader
from specroll.wording import counted

# Returns path and bytes of every text file of a release.
Files = Callable[[str], Iterable["tuple[str, bytes]"]]


@dataclass
class Carriage:
    """Carries the series of one package.

    Attributes:
        carrier: Its scratch repository.
        session: How far it has come; saved after each step.
        files: What gives the files of a release.
        overlay: The overlay files of the stack: those of other packages import this one, too.
    """

    carrier: Carrier
    session: Session
    files: Files
    overlay: Mapping[str, bytes]
    _releases: dict[str, Release] = field(default_factory=dict)
    _known_names: dict[str, Names] = field(default_factory=dict)

    def step(self) -> Cell | None:
        """Carry what is due, and save what became of it; None where all is done.

        Raises:
            ToolError: a release cannot be had, or git fails.
        """
        if not self.session.due:
            return None
        release, name = self.session.due
        base = self._base(release)
        if name == OVERLAY:
            return self._save(Cell(release, name, CARRIED, findings=self._of_overlay(release)))
        if self._has_stopped_at(name, base):
            # A run was killed between git's conflict and its own note of that.
            return self._save(Cell(release, name, CONFLICT, "git had stopped there"))
        self.carrier.stand_on(base)
        try:
            pick = self.carrier.pick(self.session.commit(name))
        except ConflictError as conflict:
            reason = f"in {conflict}{self._had(name, base)}"
            return self._save(Cell(release, name, CONFLICT, reason))
        how = "resolved as it was before" if pick.is_remembered else "three-way merge"
        return self._save(self._judged(release, name, base, pick.commit, how))

    def _has_stopped_at(self, name: str, base: str) -> bool:
        carrier = self.carrier
        return carrier.picked == self.session.commit(name) and carrier.head == base

    def adopt(self) -> None:
        """Note a conflict that a run was killed at, so that what was resolved since is kept."""
        if self.session.conflict or not self.session.due or self.session.due[1] == OVERLAY:
            return
        release, name = self.session.due
        if self.carrier.release(release) and self._has_stopped_at(name, self._base(release)):
            self.step()

    def resume(self) -> None:
        """Forget a conflict of which the repository knows nothing any more: it is carried anew."""
        conflict = self.session.conflict
        if conflict is None or self.carrier.picked or self.carrier.is_dirty:
            return
        if self.carrier.head == self._base(conflict.release):
            self.session = replace(self.session, cells=self.session.settled)
            self.session.save(self.carrier.git_folder)

    def run(self) -> Cell | None:
        """Carry all that is left, with a progress bar; return the cell in conflict that stops it.

        Raises:
            ToolError: see `step`.
        """
        total = (len(self.session.patches) + 1) * len(self.session.route)
        done = len(self.session.settled)
        with tqdm(total=total, initial=done, desc=self.session.package, disable=None) as bar:
            while not self.session.conflict and (cell := self.step()):
                bar.set_postfix_str(f"{cell.release} {cell.patch}")
                bar.update()
        return self.session.conflict

    def run_past_conflicts(self) -> None:
        """Carry every patch as far as it goes; one in conflict is left out at that release.

        Raises:
            ToolError: see `step`.
        """
        while conflict := self.run():
            self._save(replace(conflict, is_passed=True))

    def settle(self) -> Cell:
        """Go on after a conflict that a person has dealt with, and save what became of it.

        Raises:
            RequestError: the repository stands elsewhere.
        """
        conflict = self._conflict()
        base = self._base(conflict.release)
        try:
            carried = self.carrier.settle(self.session.commit(conflict.patch), base)
        except ConflictError as left:
            return self._save(replace(conflict, reason=f"in {left}"))
        return self._save(
            self._judged(conflict.release, conflict.patch, base, carried, "resolved by hand")
        )

    def skip(self) -> Cell:
        """Leave the patch in conflict out, at this release and those that follow.

        Raises:
            RequestError: nothing is in conflict.
        """
        conflict = self._conflict()
        self.carrier.stand_on(self._base(conflict.release))
        cell = Cell(conflict.release, conflict.patch, SUPERFLUOUS, "dropped by hand")
        return self._save(cell)

    def accept(self, patches: Collection[str]) -> None:
        """Note that a person has judged all findings about these patches."""
        self.session = replace(self.session, accepted=(*self.session.accepted, *patches))
        self.session.save(self.carrier.git_folder)

    def drop(self, patches: Collection[str]) -> None:
        """Leave patches out at the last release, all or none; the others then follow each other.

        Raises:
            RequestError: another one builds on their lines.
        """
        base = self._release(self.session.route[-1])
        commits: dict[str, str] = {}
        for name, commit in self.session.result:
            if name in patches:
                continue
            tree = self.carrier.strict_tree(commit, base)
            if tree is None:
                raise RequestError(
                    f"{name} builds on what is to be dropped; --drop {name}, too, and make it anew"
                    " with `edit` once the stack is written"
                )
            message = self.carrier.message(commit)
            base = commits[name] = self.carrier.commit_tree(tree, base, message)
        self.session = self.session.without(patches, commits, self.carrier.heads())
        self.session.save(self.carrier.git_folder)

    def refuse_others(self, tip: str) -> None:
        """Refuse commits and changes beside what was carried, which nothing would keep.

        Args:
            tip: The last commit of the new series, which a run that was cut short has left.

        Raises:
            RequestError: there are some.
        """
        if self.carrier.is_dirty:
            raise RequestError(
                f"{self.carrier.folder} holds changes that are not committed; put them aside with"
                " `git stash --include-untracked`, and take them up once the stack is written"
            )
        known = [commit for _, commit in self.session.patches]
        known += [cell.commit for cell in self.session.cells if cell.commit]
        known += self.session.left
        if others := self.carrier.others([tip, *known]):
            raise RequestError(
                f"{self.carrier.folder} holds commit {others[0][:10]}, which no patch was carried"
                f" to; keep it with `git branch NAME`, then `git checkout --detach {tip[:10]}`, and"
                " pick it once the stack is written"
            )

    def _conflict(self) -> Cell:
        if not self.session.conflict:
            raise RequestError(f"Nothing is in conflict in {self.carrier.folder}; go on without.")
        return self.session.conflict

    def _save(self, cell: Cell) -> Cell:
        self.session = self.session.with_cell(cell)
        self.session.save(self.carrier.git_folder)
        return cell

    def _base(self, release: str) -> str:
        """Return the commit that the next patch is carried onto."""
        return self.session.head(release) or self._release(release)

    def _release(self, version: str) -> str:
        """Return the commit of a release, made where it is not there."""
        if found := self.carrier.release(version):
            return found
        before = self.session.before(version)
        # The release that the series was made for is the parent of its first commit.
        parent = self.carrier.release(before) or self.carrier.pristine
        return self.carrier.add_release(version, parent, self.files(version))

    def _judged(self, release: str, name: str, base: str, carried: str | None, how: str) -> Cell:
        """Return the cell of a patch that was carried onto a base, and what asks for eyes."""
        old = self.session.commit(name)
        if carried is None:
            return Cell(release, name, SUPERFLUOUS, f"nothing of it is left; {how}")
        strict = self.carrier.strict_tree(old, base)
        found = [
            *self._of_place(release, name, old, carried),
            *self._of_reliance(release, old),
            *self._of_added_names(release, name, carried),
        ]
        if strict == self.carrier.tree(carried):
            return Cell(release, name, CARRIED, "", carried, tuple(found))
        if strict:
            found.append(Finding("git finds another place for it without a merge than with one"))
        return Cell(release, name, MERGED, how, carried, tuple(found))

    def _had(self, name: str, base: str) -> str:
        """Say how much of a patch upstream has already, which tells a fault that it mended."""
        commit = self.session.commit(name)
        patch = self.carrier.patch(commit, name, self.session.package)
        had, added = shared_lines.count(
            patch, self._reader_before(commit), self.carrier.reader(base)
        )
        return f"; upstream has {had} of the {counted(added, 'line')} that it adds" if added else ""

    def _of_place(self, release: str, name: str, old: str, new: str) -> Iterable[Finding]:
        before = self.carrier.patch(old, name, self.session.package)
        after = self.carrier.patch(new, name, self.session.package)
        return placement.moves(
            before, self._reader_before(old), after, self._reader_before(new), release
        )

    def _reader_before(self, commit: str) -> Reader:
        return self.carrier.reader(self.carrier.parent(commit))

    def _of_reliance(self, release: str, commit: str) -> Iterable[Finding]:
        header = Header.of_message(self.carrier.message(commit))
        return reliance.changes(header, *self._neighbours(release))

    def _of_added_names(self, release: str, name: str, new: str) -> Iterable[Finding]:
        patch = self.carrier.patch(new, name, self.session.package)
        sides = map(self._names, self._neighbours(release))
        return added_names.changes(patch, self._reader_before(new), *sides)

    def _of_overlay(self, release: str) -> tuple[Finding, ...]:
        old, new = self._neighbours(release)
        return (
            *upstream_names.changes(self.overlay, old, new, {self.session.package}),
            *upstream_names.taken(sorted(self.overlay), new),
        )

    def _neighbours(self, version: str) -> tuple[Release, Release]:
        """Return the release before one, and that one."""
        before = self.session.before(version)
        old = self.carrier.release(before) or self.carrier.pristine
        return self._parsed(before, old), self._parsed(version, self._release(version))

    def _parsed(self, version: str, commit: str) -> Release:
        """Return a release whose files are parsed once for all patches."""
        if version not in self._releases:
            self._releases[version] = Release(version, self.carrier.reader(commit))
        return self._releases[version]

    def _names(self, release: Release) -> Names:
        """Return what names stand for in a release; followed once for all patches."""
        if release.name not in self._known_names:
            sources, _ = upstream_names.parsed(self.overlay)
            self._known_names[release.name] = Names(release, sources, {self.session.package})
        return self._known_names[release.name]
