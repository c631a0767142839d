"""Carried series written as a stack, all of it or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from specroll.authoring import exported, fresh_lock
from specroll.authoring.exported import Export
from specroll.errors import Collector, RequestError
from specroll.porting import new_stack
from specroll.porting.carriage import Carriage
from specroll.porting.new_stack import Move
from specroll.porting.passage import Passage
from specroll.porting.route import version_of
from specroll.porting.session import CARRIED, Session
from specroll.stack import lock, registry
from specroll.stack.header import Header
from specroll.stack.lock import Lock
from specroll.stack.registry import Stack
from specroll.stack.series import Series, load_parts, part_of
from specroll.target.installed import read
from specroll.writing import transaction
from specroll.writing.journal import Batch, Change


@dataclass(frozen=True)
class Publication:
    """What was carried, and the stack that it is written to.

    Attributes:
        passage: Where it comes from.
        carriages: What carried it, to the end.
        stack: The name of the stack.
    """

    passage: Passage
    carriages: Sequence[Carriage]
    stack: str

    @property
    def folder(self) -> Path:
        """The folder of the stack."""
        return self.passage.distribution.patches / self.stack

    def write(self) -> list[Path]:
        """Write the stack, and return the files that are new or changed.

        The scratch repositories then hold the new series; `forget` leaves them to `edit`.

        Raises:
            ToolError: a repository holds what was not carried, an artefact cannot be had,
                the series do not fit it, or the stack cannot be written.
        """
        self.refuse_others()
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with transaction.exclusive(self.folder):
                transaction.recover(self.folder, self.passage.folder)
                contents = self._contents()
                changes = [
                    Change(path, data) for path, data in contents.items() if read(path) != data
                ]
                transaction.run(Batch(self.folder, changes))
        finally:
            # A stack of which nothing could be written leaves no empty folder.
            with suppress(OSError):
                self.folder.rmdir()
        return [change.path for change in changes if change.data is not None]

    def _contents(self) -> Mapping[Path, bytes | None]:
        if self.stack == self.passage.source.name:
            return self._as_further_version()
        exports = {each.session.package: self._exported(each) for each in self.carriages}
        moves = [self._move(each, exports[each.session.package]) for each in self.carriages]
        description = self.folder / registry.FILE_NAME
        text = new_stack.described(
            self._source_text, read(description), self._source, self.stack, moves
        )
        contents: dict[Path, bytes | None] = {}
        for name, export in exports.items():
            place = self.folder / name
            contents |= dict.fromkeys(place.rglob("*.patch"))
            contents |= {place / patch: data for patch, data in export.items()}
        series = {
            name: exported.series(export, self._source.package(name))
            for name, export in exports.items()
        }
        return {**contents, description: text, **self._lock(text, series), **self._origins(exports)}

    def _as_further_version(self) -> Mapping[Path, bytes | None]:
        """Return what accepts the releases beside those that the stack pins, with its patches."""
        for each in self.carriages:
            if unlike := [cell for cell in each.session.cells if cell.verdict != CARRIED]:
                raise RequestError(
                    f"{unlike[0].patch} is {unlike[0].verdict} on {unlike[0].release}, so the"
                    f" series is not that of stack {self.stack}; name a new one with --stack."
                )
        moves = [self._move(each, {}) for each in self.carriages]
        text = new_stack.with_further_versions(self._source_text, moves)
        stack = Stack.parse(self.passage.distribution, self.stack, text)
        series = {
            each.session.package: load_parts(stack, stack.package(each.session.package))
            for each in self.carriages
        }
        for each in self.carriages:
            each.carrier.return_to_series()
        return {self.folder / registry.FILE_NAME: text, **self._lock(text, series)}

    @property
    def _source(self) -> Stack:
        return self.passage.source

    @property
    def _source_text(self) -> bytes:
        return (self._source.folder / registry.FILE_NAME).read_bytes()

    def _move(self, carriage: Carriage, export: Export) -> Move:
        package = self._source.package(carriage.session.package)
        version = carriage.session.route[-1]
        series = {
            part: [name for name in export if part_of(name) == part] for part in package.parts
        }
        return Move(package, version, self.passage.artefacts(package, version), series)

    def refuse_others(self) -> None:
        """Refuse what somebody has changed or committed in the repositories beside a conflict.

        Raises:
            ToolError: there is something, as `write` would say.
        """
        failures = Collector()
        for each in self.carriages:
            with failures.attempt():
                each.refuse_others(self._tip(each))
        failures.settle()

    def _exported(self, carriage: Carriage) -> Export:
        """Return the patches of a package, each with what was accepted of it."""
        carriage.carrier.conclude(carriage.session.route[-1], self._tip(carriage))
        return dict(carriage.carrier.workspace.export(self._source.sets))

    def _tip(self, carriage: Carriage) -> str:
        """Return the last commit of the new series."""
        aim = carriage.session.route[-1]
        accepted = {
            cell.commit
            for cell in carriage.session.cells
            if cell.commit and cell.patch in carriage.session.accepted
        }
        result = [commit for _, commit in carriage.session.result]
        headers = {
            commit: Header.of_message(carriage.carrier.message(commit)).reviewed(aim)
            for commit in result
            if commit in accepted
        }
        return carriage.carrier.rewritten(aim, result, headers)

    def _lock(
        self, text: bytes, series: Mapping[str, Mapping[str, Series]]
    ) -> Mapping[Path, bytes | None]:
        """Return the lock of the stack with this text: computed for what was carried."""
        stack = Stack.parse(self.passage.distribution, self.stack, text)
        path = self.folder / lock.FILE_NAME
        locks = dict(Lock.parse(path).packages) if path.exists() else {}
        for name, parts in series.items():
            locks[name] = fresh_lock.compute(
                self.passage.distribution,
                stack.package(name),
                parts,
                self.passage.store,
                locks.get(name),
            )
        return {path: Lock({name: locks[name] for name in stack.packages}).dump()}

    def _origins(self, exports: Mapping[str, Export]) -> Mapping[Path, bytes | None]:
        """Return what makes the scratch repositories stand for the new series."""
        return {
            each.carrier.workspace.origin: exported.origin(exports[each.session.package])
            for each in self.carriages
        }


def left_over(passage: Passage, stack: str, aims: Mapping[str, str]) -> Sequence[Session]:
    """Return the sessions that a run did not forget which has written the stack; none else.

    Raises:
        RequestError: a session is damaged.
        PatchError: the stack is malformed.
    """
    accepted = _accepted(passage, stack)
    if not all(version_of(aim) in accepted.get(name, ()) for name, aim in aims.items()):
        return []
    carriers = [passage.carrier(name) for name in aims]
    sessions = [Session.load(each.git_folder) for each in carriers if each]
    return [each for each in sessions if each and not each.due]


def forget(passage: Passage, sessions: Iterable[Session]) -> None:
    """Let the scratch repositories be those of `edit`."""
    for session in sessions:
        if carrier := passage.carrier(session.package):
            session.remove(carrier.git_folder)


def refuse_known(passage: Passage, stack: str, aims: Mapping[str, str]) -> None:
    """Refuse to overwrite what a stack has already: somebody may have changed it since.

    Raises:
        RequestError: the stack has a package, or accepts its release; `CollectedError` when there
            are several.
        PatchError: the stack is malformed.
    """
    failures = Collector()
    accepted = _accepted(passage, stack)
    for name, aim in aims.items():
        known = accepted.get(name, ())
        if version_of(aim) in known or (known and stack != passage.source.name):
            failures.add(
                RequestError(
                    f"Stack {stack} has {name} {', '.join(map(str, sorted(known)))}; change it with"
                    f" `apply-patches edit {name} --stack {stack}`, or name another --stack."
                )
            )
    failures.settle()


def _accepted(passage: Passage, stack: str) -> Mapping[str, Collection[Version]]:
    """Return the versions that a stack accepts of each package, nothing where it is not there."""
    if stack not in passage.distribution.stacks():
        return {}
    packages = Stack.load(passage.distribution, stack).packages.values()
    return {
        each.name: {Version(variant.version) for variant in each.variants.values()}
        for each in packages
    }


def recover(passage: Passage, stack: str) -> None:
    """Finish or undo the writing of a stack that was interrupted.

    Raises:
        ToolError: the journal is damaged, or the stack cannot be written.
    """
    folder = passage.distribution.patches / stack
    if transaction.has_traces(folder):
        with transaction.exclusive(folder):
            transaction.recover(folder, passage.folder)
