"""Many files changed as one: after a crash at any moment either all of it holds or none.

The journal is written first, then every new file is staged beside its target, then the commit
record is written. Before the commit record a crash is undone, after it the rest is carried out.
Each of these has reached the disk before the next begins.

Every folder that packages lie in has a lock and a journal of its own: whoever works there meets
them, from whichever environment. A crash among several folders leaves each of them whole.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from specroll.errors import TargetError
from specroll.writing import disk
from specroll.writing.journal import Batch, Change, Journal

FOLDER = ".apply-patches"
LOCK_FILE = ".apply-patches.lock"
JOURNAL_DRAFT = "journal.part"
JOURNAL = "journal.json"
COMMIT = "commit"
PATIENCE_S = 5.0


@contextmanager
def exclusive(*homes: Path) -> Iterator[None]:
    """Keep other runs out of folders, waiting a few seconds for one that is under way.

    Raises:
        TargetError: another run does not end, or a folder is not writable.
    """
    with ExitStack() as held:
        # In one order, so that no two runs wait for each other.
        for home in sorted(homes):
            held.enter_context(_exclusive(home))
        yield


@contextmanager
def _exclusive(home: Path) -> Iterator[None]:
    path = home / LOCK_FILE
    lock = FileLock(path, timeout=PATIENCE_S)
    with _writing(home):
        try:
            lock.acquire()
        except Timeout as error:
            raise TargetError(f"Another run holds {path}; wait until it has ended.") from error
    try:
        yield
    finally:
        # Unlinked while held: whoever waits then finds that its file has no name and tries again.
        path.unlink(missing_ok=True)
        lock.release()


def is_under_way(home: Path) -> bool:
    """Say whether another run holds the folder; writes nothing there."""
    try:
        with (home / LOCK_FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def refuse_company(homes: Iterable[Path]) -> None:
    """Refuse to read what another run is writing.

    Raises:
        TargetError: another run holds a folder.
    """
    for home in homes:
        if is_under_way(home):
            raise TargetError(f"Another run holds {home / LOCK_FILE}; wait until it has ended.")


def run(*batches: Batch) -> None:
    """Carry out all changes, or none where that fails.

    Raises:
        TargetError: a folder is not writable or the disk is full; nothing has been changed.
    """
    planned = [(batch, Journal.of(batch)) for batch in batches if batch.changes]
    try:
        for batch, journal in planned:
            with _writing(batch.home):
                _stage(batch.home, journal, batch.changes)
        for batch, journal in planned:
            with _writing(batch.home):
                _decide(batch.home, journal)
    except BaseException:
        for batch, journal in planned:
            # Where even this fails, the next run undoes it.
            with suppress(OSError):
                roll_back(batch.home, journal)
        raise
    for batch, journal in planned:
        finish(batch.home, journal)


def has_traces(home: Path) -> bool:
    """Say whether a run is at work in the folder, or was interrupted there."""
    return (home / FOLDER).exists() or (home / LOCK_FILE).exists()


def recovery_is_due(home: Path) -> bool:
    """Say whether a run was interrupted."""
    return (home / FOLDER).exists() and not is_under_way(home)


def recover(home: Path, *others: Path) -> str | None:
    """Finish or undo an interrupted run and say which, None where there was none.

    Call it inside `exclusive`; nothing outside of these folders is touched.

    Raises:
        DriftError: the journal is damaged, or others have written since.
        TargetError: a folder is not writable.
    """
    if not (home / FOLDER).exists():
        return None
    journal = Journal.load(home / FOLDER / JOURNAL)
    if journal:
        journal.check(home, [home, *others])
    if (home / FOLDER / COMMIT).exists():
        if journal:
            journal.refuse_changed(home)
        finish(home, journal)
        return "finished"
    with _writing(home):
        roll_back(home, journal)
    return "undone"


def finish(home: Path, journal: Journal | None) -> None:
    """Move every staged file into its place; may be repeated after a crash.

    Raises:
        TargetError: a file cannot be moved; the next run tries again.
    """
    try:
        if journal:
            _move_into_place(home, journal)
        _close(home, (JOURNAL, COMMIT))
    except OSError as error:
        raise TargetError(
            f"{error.filename or home}: {error.strerror}; make it writable, the next run finishes"
            " what this one began"
        ) from error


def roll_back(home: Path, journal: Journal | None) -> None:
    """Remove every staged file; nothing else has been touched before the commit record."""
    # A record that could not be written whole would have the next run finish what is undone here.
    (home / FOLDER / COMMIT).unlink(missing_ok=True)
    if (home / FOLDER).exists():
        disk.sync_folder(home / FOLDER)
    if journal:
        for path in journal.written:
            journal.staged(home / path).unlink(missing_ok=True)
        for folder in reversed(journal.made_folders):
            with suppress(OSError):
                (home / folder).rmdir()
        _sync_parents(home, [*journal.written, *journal.made_folders])
    _close(home, (JOURNAL_DRAFT, JOURNAL))


def _stage(home: Path, journal: Journal, changes: Sequence[Change]) -> None:
    (home / FOLDER).mkdir()
    # Under its final name a journal is whole, so that a torn one is never taken for a damaged one.
    disk.write_whole(home / FOLDER / JOURNAL, journal.dump(), JOURNAL_DRAFT)
    disk.sync_folder(home)
    for folder in journal.made_folders:
        (home / folder).mkdir()
    for change in changes:
        if change.data is not None:
            staged = journal.staged(change.path)
            disk.write(staged, change.data)
            if change.path.exists():
                staged.chmod(change.path.stat().st_mode & 0o7777)
            if change.time is not None:
                os.utime(staged, ns=(change.time, change.time))
    _sync_parents(home, [*journal.written, *journal.made_folders])


def _decide(home: Path, journal: Journal) -> None:
    disk.write(home / FOLDER / COMMIT, journal.token.encode())
    disk.sync_folder(home / FOLDER)


def _move_into_place(home: Path, journal: Journal) -> None:
    written = {home / path for path in journal.written}
    for path in journal.written:
        staged = journal.staged(home / path)
        if staged.exists():
            staged.replace(home / path)
    for path in journal.removed:
        (home / path).unlink(missing_ok=True)
    for path in [*journal.written, *journal.removed]:
        _forget_compiled(home / path, written)
    for folder in journal.surplus_folders:
        with suppress(OSError):
            (home / folder).rmdir()
    _sync_parents(home, [*journal.written, *journal.removed, *journal.surplus_folders])


def _close(home: Path, names: Sequence[str]) -> None:
    """Remove the files of the journal in this order; a commit record alone asks for nothing."""
    for name in names:
        (home / FOLDER / name).unlink(missing_ok=True)
        if (home / FOLDER).exists():
            disk.sync_folder(home / FOLDER)
    with suppress(FileNotFoundError):
        (home / FOLDER).rmdir()
    disk.sync_folder(home)


def _forget_compiled(path: Path, written: Collection[Path]) -> None:
    """Remove what was compiled from a module: a new file of the same size and time would use it.

    Bytecode that this transaction writes belongs to the new file and stays.
    """
    if path.suffix != ".py":
        return
    cache = path.parent / "__pycache__"
    for compiled in set(cache.glob(f"{path.stem}.*")).difference(written):
        compiled.unlink(missing_ok=True)
    with suppress(OSError):
        cache.rmdir()


def _sync_parents(home: Path, paths: Sequence[str]) -> None:
    for folder in {(home / path).parent for path in paths}:
        if folder.exists():
            disk.sync_folder(folder)


@contextmanager
def _writing(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TargetError(
            f"{error.filename or home} cannot be written ({error.strerror}); nothing has been"
            " changed: free space or write as its owner, then try again"
        ) from error
