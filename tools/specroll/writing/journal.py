"""The journal of a transaction: every path that it touches, sealed by a hash of its own."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from specroll.errors import DriftError, PatchError
from specroll.stack import treepath
from specroll.stack.lock import fingerprint
from specroll.stack.table import Table
from specroll.target import bytecode
from specroll.target.installed import read


@dataclass(frozen=True)
class Change:
    """The new content of a file, None for a file that shall not exist, and its time if given.

    >>> Change(Path("alpha/old.py"), None).data is None
    True
    """

    path: Path
    data: bytes | None
    time: int | None = None


@dataclass(frozen=True)
class Batch:
    """Changes below one folder, and the folders to remove, innermost first, once they are empty."""

    home: Path
    changes: Sequence[Change]
    surplus: Sequence[Path] = ()


@dataclass(frozen=True)
class Journal:
    """All paths of a transaction, relative to the folder that holds the journal."""

    token: str
    written: tuple[str, ...]
    removed: tuple[str, ...]
    made_folders: tuple[str, ...]
    surplus_folders: tuple[str, ...]
    # Hashes of what is replaced or removed, and of what is written; None for what is not there.
    before: Mapping[str, str | None] = field(default_factory=dict)
    after: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, batch: Batch) -> Journal:
        """Describe what a transaction does below one folder."""
        written = [change.path for change in batch.changes if change.data is not None]
        removed = [change.path for change in batch.changes if change.data is None]
        parents = {parent for path in written for parent in path.parents}
        made = sorted(parent for parent in parents if not parent.exists())

        def relative(paths: Sequence[Path]) -> tuple[str, ...]:
            return tuple(os.path.relpath(path, batch.home) for path in paths)

        token = uuid.uuid4().hex[:12]
        folders = (relative(made), relative(batch.surplus))
        paths = relative([change.path for change in batch.changes])
        before = {path: fingerprint(read(batch.home / path)) for path in paths}
        after = {
            path: fingerprint(change.data)
            for path, change in zip(paths, batch.changes, strict=True)
        }
        return cls(token, relative(written), relative(removed), *folders, before, after)

    @classmethod
    def load(cls, path: Path) -> Journal | None:
        """Read a journal, None where there is none.

        Raises:
            DriftError: it is not what was written.
        """
        try:
            seal, _, content = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        except (NotADirectoryError, IsADirectoryError) as error:
            raise DriftError(
                f"{path.parent} is not ours; move it away ({error.strerror})"
            ) from error
        try:
            if sha256(content).hexdigest().encode() != seal:
                raise ValueError("it is not what was written")
            return cls._parse(Table.of(path, json.loads(content)))
        except (ValueError, RecursionError, PatchError) as error:
            raise DriftError(
                f"{path} is damaged; delete {path.parent} and reinstall the packages beside it"
                f" ({error})"
            ) from error

    @classmethod
    def _parse(cls, table: Table) -> Journal:
        journal = cls(
            table.text("token"),
            table.texts("written"),
            table.texts("removed"),
            table.texts("made_folders"),
            table.texts("surplus_folders"),
            _hashes(table.table("before")),
            _hashes(table.table("after")),
        )
        if not journal.token.isalnum():
            raise ValueError(f"its token is {journal.token!r}")
        for path in journal.paths:
            if not path.isprintable() or treepath.problem(Path(path).name):
                raise ValueError(f"it names {path!r}")
        return journal

    @property
    def paths(self) -> tuple[str, ...]:
        """Everything that the transaction touches."""
        return (*self.written, *self.removed, *self.made_folders, *self.surplus_folders)

    def dump(self) -> bytes:
        """Return the bytes of the journal file."""
        content = json.dumps(asdict(self), indent=2).encode()
        return sha256(content).hexdigest().encode() + b"\n" + content

    def check(self, home: Path, roots: Iterable[Path]) -> None:
        """Refuse a journal that reaches beyond the folders that packages lie in.

        Raises:
            DriftError: a path lies elsewhere.
        """
        allowed = [root.resolve() for root in roots]
        for path in self.paths:
            folder = (home / path).parent.resolve()
            if not any(folder.is_relative_to(root) for root in allowed):
                raise DriftError(
                    f"{home / path}, which the journal of an interrupted run names, is not in"
                    f" {home}; delete the journal and reinstall the packages"
                )

    def refuse_changed(self, home: Path) -> None:
        """Refuse to go on where others have written since: pip may have installed anew.

        Raises:
            DriftError: a file is neither what it was nor what it was to be.
        """
        for path in (*self.written, *self.removed):
            # Python compiles what is imported meanwhile.
            if bytecode.module(path):
                continue
            if fingerprint(read(home / path)) not in self._expected(home, path):
                raise DriftError(
                    f"{home / path} has changed since a run was interrupted in {home}; delete the"
                    " folder .apply-patches there and reinstall the packages beside it"
                )

    def _expected(self, home: Path, path: str) -> Collection[str | None]:
        before, after = self.before.get(path), self.after.get(path)
        if path in self.removed:
            return before, after
        return (before,) if self.staged(home / path).exists() else (after,)

    def staged(self, target: Path) -> Path:
        """Return the temporary sibling of a file."""
        return target.with_name(f".{target.name}.{self.token}")


def _hashes(table: Table) -> dict[str, str | None]:
    return {path: table.optional_text(path) for path in table.values}
