"""Many files changed as one: after a crash at any moment either all of it holds or none.

The journal is written first, then every new file is staged beside its target, then the commit
record is written. Before the commit record a crash is undone, after it the rest is carried out.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from specrl.errors import TargetError

FOLDER = ".apply-patches"
LOCK_FILE = ".apply-patches.lock"
PATIENCE_S = 5.0


@dataclass(frozen=True)
class Change:
    """The new content of a file, None for a file that shall not exist, and its time if given."""

    path: Path
    data: bytes | None
    time: int | None = None


@dataclass(frozen=True)
class Journal:
    """All paths of a transaction, relative to the folder that holds the journal."""

    token: str
    written: tuple[str, ...]
    removed: tuple[str, ...]
    made_folders: tuple[str, ...]
    surplus_folders: tuple[str, ...]

    @classmethod
    def of(cls, home: Path, changes: Sequence[Change], surplus: Sequence[Path]) -> Journal:
        """Describe a transaction; `surplus` folders, innermost first, go once they are empty."""
        written = [change.path for change in changes if change.data is not None]
        removed = [change.path for change in changes if change.data is None]
        parents = {parent for path in written for parent in path.parents}
        made = sorted(parent for parent in parents if not parent.exists())

        def relative(paths: Sequence[Path]) -> tuple[str, ...]:
            return tuple(os.path.relpath(path, home) for path in paths)

        token = uuid.uuid4().hex[:12]
        return cls(token, relative(written), relative(removed), relative(made), relative(surplus))

    @classmethod
    def load(cls, home: Path) -> Journal:
        """Read the journal in a folder."""
        fields = json.loads((home / FOLDER / "journal.json").read_bytes())
        token = fields.pop("token")
        return cls(token, **{name: tuple(paths) for name, paths in fields.items()})

    def dump(self) -> bytes:
        """Return the bytes of the journal file."""
        return json.dumps(asdict(self), indent=2).encode()

    def staged(self, target: Path) -> Path:
        """Return the temporary sibling of a file."""
        return target.with_name(f".{target.name}.{self.token}")


@contextmanager
def exclusive(home: Path) -> Iterator[None]:
    """Keep other runs out of a folder, waiting a few seconds for one that is under way.

    Raises:
        TargetError: another run does not end, or the folder is not writable.
    """
    path = home / LOCK_FILE
    lock = FileLock(path, timeout=PATIENCE_S)
    try:
        lock.acquire()
    except Timeout as error:
        raise TargetError(f"Another run holds {path}; wait until it has ended.") from error
    except OSError as error:
        raise _unwritable(error, home) from error
    try:
        yield
    finally:
        # Unlinked while held: whoever waits then finds that its file has no name and tries again.
        path.unlink(missing_ok=True)
        lock.release()


def run(home: Path, changes: Sequence[Change], surplus: Sequence[Path]) -> None:
    """Carry out all changes, or none where that fails.

    Raises:
        TargetError: a folder is not writable or the disk is full; nothing has been changed.
    """
    if not changes:
        return
    journal = Journal.of(home, changes, surplus)
    try:
        _stage(home, journal, changes)
        _write_synced(home / FOLDER / "commit", journal.token.encode())
        _sync_folder(home / FOLDER)
    except OSError as error:
        roll_back(home)
        raise _unwritable(error, home) from error
    except BaseException:
        roll_back(home)
        raise
    finish(home)


def recovery_is_due(home: Path) -> bool:
    """Say whether a run was interrupted."""
    return (home / FOLDER).exists()


def recover(home: Path) -> str | None:
    """Finish or undo an interrupted run and say which, None where there was none.

    Raises:
        TargetError: a folder is not writable.
    """
    if not recovery_is_due(home):
        return None
    try:
        if (home / FOLDER / "commit").exists():
            finish(home)
            return "finished"
        roll_back(home)
        return "undone"
    except OSError as error:
        raise _unwritable(error, home) from error


def finish(home: Path) -> None:
    """Move every staged file into its place; may be repeated after a crash.

    Raises:
        TargetError: a file cannot be moved; the next run tries again.
    """
    try:
        if (home / FOLDER / "journal.json").exists():
            _move_into_place(home, Journal.load(home))
        _close(home)
    except OSError as error:
        raise TargetError(
            f"{error.filename or home}: {error.strerror}; make it writable, the next run finishes"
            " what this one began"
        ) from error


def roll_back(home: Path) -> None:
    """Remove every staged file; nothing else has been touched before the commit record."""
    with suppress(FileNotFoundError, ValueError):
        journal = Journal.load(home)
        for path in journal.written:
            journal.staged(home / path).unlink(missing_ok=True)
        for folder in reversed(journal.made_folders):
            with suppress(OSError):
                (home / folder).rmdir()
    _close(home)


def _stage(home: Path, journal: Journal, changes: Sequence[Change]) -> None:
    (home / FOLDER).mkdir()
    _write_synced(home / FOLDER / "journal.json", journal.dump())
    _sync_folder(home / FOLDER)
    _sync_folder(home)
    for folder in journal.made_folders:
        (home / folder).mkdir()
    for change in changes:
        if change.data is not None:
            staged = journal.staged(change.path)
            _write_synced(staged, change.data)
            if change.path.exists():
                staged.chmod(change.path.stat().st_mode & 0o7777)
            if change.time is not None:
                os.utime(staged, ns=(change.time, change.time))
    _sync_parents(home, [*journal.written, *journal.made_folders])


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
    _sync_parents(home, [*journal.written, *journal.removed])
    for folder in journal.surplus_folders:
        with suppress(OSError):
            (home / folder).rmdir()


def _close(home: Path) -> None:
    """Remove the journal, and the commit record last: alone it asks for nothing more."""
    for name in ("journal.json", "commit"):
        (home / FOLDER / name).unlink(missing_ok=True)
        if (home / FOLDER).exists():
            _sync_folder(home / FOLDER)
    with suppress(FileNotFoundError):
        (home / FOLDER).rmdir()
    _sync_folder(home)


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


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_parents(home: Path, paths: Sequence[str]) -> None:
    for folder in {(home / path).parent for path in paths}:
        if folder.exists():
            _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(error: OSError, home: Path) -> TargetError:
    return TargetError(
        f"{error.filename or home} cannot be written ({error.strerror}); nothing has been changed:"
        " free space or write as its owner, then try again"
    )
