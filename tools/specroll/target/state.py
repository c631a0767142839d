"""What was done to an installed package, kept beside it together with its saved bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from specroll.errors import DriftError, PatchError
from specroll.stack import treepath
from specroll.stack.lock import FileLock, fingerprint
from specroll.stack.sets import Choice
from specroll.stack.table import Table
from specroll.target.environment import Environment
from specroll.target.installed import TREE_STATE, Installed, read, roots


@dataclass(frozen=True)
class State:
    """The patch set that was applied, and all that it touched; paths are relative to the root."""

    stack: str
    package: str
    distribution: str | None
    version: str | None
    lock: str
    patches: tuple[str, ...]
    # None where the tool that wrote it knew no sets.
    sets: tuple[str, ...] | None
    # What the user said, which holds until another word or a revert.
    choice: Choice
    files: Mapping[str, FileLock]
    overlay: Mapping[str, str]
    folders: tuple[str, ...]
    # Bytecode that RECORD lists, set aside while its module is another one.
    compiled: Mapping[str, str]

    @classmethod
    def load(cls, installed: Installed) -> State | None:
        """Return the state of a package, None where it was not patched by this tool.

        Raises:
            DriftError: the state is damaged.
            TargetError: the state cannot be read.
        """
        data = installed.read(installed.state_file)
        return None if data is None else cls._parse(installed.root / installed.state_file, data)

    @classmethod
    def _parse(cls, path: Path, data: bytes) -> State:
        try:
            state = cls._read(Table.of(path, json.loads(data)))
        except (ValueError, RecursionError, PatchError) as error:
            raise DriftError(f"{path} is damaged; reinstall the package ({error})") from error
        for name in [*state.files, *state.overlay, *state.folders, *state.compiled]:
            if reason := treepath.problem(name):
                raise DriftError(f"{path} names {name!r}, which {reason}; reinstall the package")
        return state

    @classmethod
    def _read(cls, table: Table) -> State:
        overlay = table.table("overlay")
        compiled = table.table("compiled")
        return cls(
            table.text("stack"),
            table.text("package"),
            table.optional_text("distribution"),
            table.optional_text("version"),
            table.text("lock"),
            table.texts("patches"),
            table.texts("sets") if "sets" in table.values else None,
            Choice.parse(table.table("choice")) if "choice" in table.values else Choice(),
            {path: FileLock.parse(value) for path, value in table.tables("files").items()},
            {path: overlay.text(path) for path in overlay.values},
            table.texts("folders"),
            {path: compiled.text(path) for path in compiled.values},
        )

    def compared(self, wanted: Sequence[str]) -> str:
        """Say which sets it lacks of those that are wanted, and which it has beyond them."""
        held = wanted if self.sets is None else self.sets
        parts = [f"without set {name}, which is chosen" for name in wanted if name not in held]
        parts += [f"with set {name}, which is not chosen" for name in held if name not in wanted]
        return " and ".join(parts)

    def dump(self) -> bytes:
        """Return the bytes of the state file."""
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()


def saved_path(installed: Installed, path: str) -> str:
    """Return where the saved bytes of a file lie, relative to the root."""
    return f"{installed.state_folder}/pristine/{path}"


def foreign_files(installed: Installed) -> list[Path]:
    """Return the files in a state's folder once the state itself is gone."""
    folder = installed.root / installed.state_folder
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


def saved(installed: Installed, state: State) -> Mapping[str, bytes | None]:
    """Return the bytes of the touched files as they were before, None for those not yet there.

    Raises:
        DriftError: saved bytes are missing or altered.
    """
    contents: dict[str, bytes | None] = {}
    hashes = {path: file.before for path, file in state.files.items()}
    for path, digest in {**hashes, **state.compiled}.items():
        data = installed.read(saved_path(installed, path)) if digest else None
        if fingerprint(data) != digest:
            where = installed.root / saved_path(installed, path)
            raise DriftError(f"{where} does not hold the saved bytes; reinstall the package")
        contents[path] = data
    return contents


def state_files(installed: Installed, state: State) -> list[str]:
    """Return the files that make up the state, relative to the root; others are not ours."""
    kept = [path for path, file in state.files.items() if file.before]
    record = [installed.record_path] if installed.record_path else []
    pristine = (saved_path(installed, path) for path in [*kept, *state.compiled, *record])
    return [installed.state_file, *pristine]


def patched(environment: Environment) -> list[tuple[Installed, State]]:
    """Return every package that has a state, whether or not a stack still pins it.

    Where several folders hold one, as a base environment and one on top of it, the first counts.

    Raises:
        DriftError: a state is damaged.
    """
    found: dict[str, tuple[Installed, State]] = {}
    for folder in roots(environment):
        infos = sorted(folder.glob("*.dist-info/apply-patches/state.json"))
        trees = sorted(folder.glob(f"{TREE_STATE}/*/state.json"))
        for path in [*infos, *trees]:
            state = State._parse(path, read(path) or b"")
            info = path.parents[1] if path in infos else None
            owner = Installed(state.package, folder, state.distribution, state.version, info)
            found.setdefault(state.package, (owner, state))
    return list(found.values())
