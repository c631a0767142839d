"""Whether the installed files are the reviewed ones, and RECORD says so too."""

from __future__ import annotations

from collections.abc import Iterator

from specroll.stack.lock import Content, fingerprint
from specroll.target import state
from specroll.target.condition import outdated_because
from specroll.target.installed import Installed
from specroll.target.record import Record, entry
from specroll.target.selection import Member
from specroll.target.state import State


def find(member: Member) -> list[str]:
    """Return every difference between the installed package and the lock, one sentence each.

    Where another patch set is applied, that is one difference, whatever files it means. The files
    are held against that patch set then.

    Raises:
        DriftError: the state of the package is damaged.
        TargetError: a file cannot be read.
    """
    current = State.load(member.installed)
    if current is None:
        if member.content.is_empty:
            return []
        return [f"{member.installed.folder} is not patched; run `apply-patches apply`"]
    if current.lock == member.content.digest:
        found = list(_content_differences(member.installed, member.content))
    else:
        reason = outdated_because(member, current)
        found = [f"{member.installed.folder} is {reason}; apply again"]
        found += _content_differences(member.installed, current)
    if member.installed.record_path:
        found += _record_differences(member.installed, member.installed.record_path, current)
    return found


def _content_differences(installed: Installed, applied: Content | State) -> Iterator[str]:
    hashes = {path: file.after for path, file in applied.files.items()}
    for path, digest in {**hashes, **applied.overlay}.items():
        if fingerprint(installed.read(path)) != digest:
            yield f"{installed.root / path} does not hold the locked bytes"


def _record_differences(installed: Installed, path: str, current: State) -> Iterator[str]:
    record = Record.parse(installed.read(path) or b"")
    ours = {*current.files, *current.overlay, *state.state_files(installed, current)}
    for name in sorted(ours):
        data = installed.read(name)
        if record.line(name) != (None if data is None else entry(name, data)):
            yield f"{installed.root / path} has a wrong line for {name}"
    before = Record.parse(installed.read(state.saved_path(installed, path)) or b"")
    known = {*ours, *current.compiled}
    if before.without(known) != record.without(known):
        yield f"{installed.root / path} has changed in lines that are not ours"
