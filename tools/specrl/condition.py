"""In which condition an installed package is, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from specrl.installed import Installed
from specrl.selection import Member
from specrl.series import fingerprint
from specrl.state import State

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
    """A word for the condition and the reasons for it."""

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
    count = _count(member.installed, _locked_hashes(member))
    if count.foreign:
        return Condition(DRIFTED, [f"{path} holds foreign bytes" for path in count.foreign])
    if count.after:
        return Condition(PARTIAL, [f"{path} is patched, nothing saved" for path in count.after])
    return Condition(PRISTINE, ["the stack does nothing to it"] if member.package.is_empty else [])


def _of_patched(member: Member, state: State) -> Condition:
    count = _count(member.installed, _state_hashes(state))
    if count.foreign:
        return Condition(DRIFTED, [f"{path} holds foreign bytes" for path in count.foreign])
    if count.before:
        return Condition(PARTIAL, [f"{path} is not patched" for path in count.before])
    if state.lock != member.digest:
        return Condition(OUTDATED, [f"patched by another patch set of stack {state.stack}"])
    return Condition(APPLIED, [])


def _count(installed: Installed, hashes: Iterator[tuple[str, str | None, str | None]]) -> _Count:
    count = _Count()
    for path, before, after in hashes:
        digest = fingerprint(installed.read(path))
        if digest == after:
            count.after.append(path)
        else:
            (count.before if digest == before else count.foreign).append(path)
    return count


def _locked_hashes(member: Member) -> Iterator[tuple[str, str | None, str | None]]:
    for path, file in sorted(member.files.files.items()):
        yield path, file.before, file.after
    for path, digest in sorted(member.lock.overlay.items()):
        yield path, None, digest


def _state_hashes(state: State) -> Iterator[tuple[str, str | None, str | None]]:
    for path, file in sorted(state.files.items()):
        yield path, file.before, file.after
    for path, digest in sorted(state.overlay.items()):
        yield path, None, digest
