"""The wanted contents of a package, layer upon layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Bytes by path, relative to the folder that holds the package; None where no file shall be.
Contents = Mapping[str, "bytes | None"]


@dataclass(frozen=True)
class Layers:
    """What the files of a package shall hold; where two layers name a file, the later one counts.

    A patch set is laid over another one: what the former touched is put back first, and what the
    new one touches lies above it.

    Attributes:
        undone: What the former patch set touched, as it was before.
        former_state: The files of the former state, which go where the new one lacks them.
        patched: What the series makes of the pristine files.
        overlay: Files that are added.
        set_aside: Bytecode of patched modules that RECORD lists, which goes.
        saved: Copies of all that `revert` puts back.
        state: The description of the new state.
        record: RECORD, which lists the others.

    >>> layers = Layers({"a": b"old", "b": b"old"}, {}, {"a": b"new"}, {"c": b""}, {}, {}, {}, {})
    >>> layers.contents()
    {'a': b'new', 'b': b'old', 'c': b''}
    """

    undone: Contents
    former_state: Contents
    patched: Contents
    overlay: Contents
    set_aside: Contents
    saved: Contents
    state: Contents
    record: Contents

    def contents(self) -> Contents:
        """Return every file once."""
        return {
            **self.undone,
            **self.former_state,
            **self.patched,
            **self.overlay,
            **self.set_aside,
            **self.saved,
            **self.state,
            **self.record,
        }
