"""In which condition an installed package is, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from specroll.stack.lock import FileLock, fingerprint
from specroll.target.installed import Installed
from specroll.target.selection import Member
from specroll.target.state import State

PRISTINE = "pristine"
APPLIED = "applied"
OUTDATED = "outdated"
PARTIAL = "partial"
DRIFTED = "drifted"
ABSENT = "absent"


@dataclass
class _Count:
    """Files sorted by what their bytes are."""

    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Condition:
    """A word for the condition and the reasons for it.

    >>> Condition(APPLIED, ["set cpu"]).word
    'applied'
    """

    word: str
    reasons: list[str]


def inspect(member: Member) -> Condition:
    """Return the condition of a package against its lock.

    Raises:
        DriftError: its state is damaged.
        TargetError: a file cannot be read.
    """
    state = State.load(member.installed)
    if state:
        return _of_patched(member, state)
    count = _count(member.installed, member.content.files, member.content.overlay)
    if count.foreign:
        return Condition(DRIFTED, [f"{path} holds foreign bytes" for path in count.foreign])
    if count.after:
        return Condition(PARTIAL, [f"{path} is patched, nothing saved" for path in count.after])
    return Condition(PRISTINE, ["the stack does nothing to it"] if member.content.is_empty else [])


def _of_patched(member: Member, state: State) -> Condition:
    count = _count(member.installed, state.files, state.overlay)
    if count.foreign:
        return Condition(DRIFTED, [f"{path} holds foreign bytes" for path in count.foreign])
    if count.before:
        return Condition(PARTIAL, [f"{path} is not patched" for path in count.before])
    if state.lock != member.content.digest:
        return Condition(OUTDATED, [outdated_because(member, state)])
    return Condition(APPLIED, [f"set {name}" for name in member.content.sets])


def outdated_because(member: Member, state: State) -> str:
    """Say in what the applied patch set is not the one that is wanted."""
    sets = state.compared(member.content.sets)
    return f"patched {sets or f'by another patch set of stack {state.stack}'}"


def _count(
    installed: Installed, files: Mapping[str, FileLock], overlay: Mapping[str, str]
) -> _Count:
    count = _Count()
    added = {path: FileLock(None, digest) for path, digest in overlay.items()}
    for path, file in [*sorted(files.items()), *sorted(added.items())]:
        digest = fingerprint(installed.read(path))
        if digest == file.after:
            count.after.append(path)
        else:
            (count.before if digest == file.before else count.foreign).append(path)
    return count
