"""Typed access to parsed TOML and JSON; a wrong shape names the file and the place in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from specroll.errors import PatchError


@dataclass(frozen=True)
class Table:
    """A table of a parsed file, with the way to it for messages.

    >>> table = Table.of(Path("stack.toml"), {"packages": {"alpha": {"version": "1.0"}}})
    >>> table.tables("packages")["alpha"].text("version")
    '1.0'
    """

    path: Path
    name: str
    values: Mapping[str, object]
    # What to do about a wrong shape.
    remedy: str = "correct the file"

    @classmethod
    def of(
        cls, path: Path, value: object, name: str = "", remedy: str = "correct the file"
    ) -> Table:
        """Wrap a parsed value.

        Raises:
            PatchError: the value is not a table.
        """
        if not isinstance(value, dict):
            raise PatchError(f"{path}: {name or 'the file'} must be a table; {remedy}")
        return cls(path, name, value, remedy)

    def text(self, key: str) -> str:
        """Return a non-empty string."""
        value = self.values.get(key)
        if not isinstance(value, str) or not value:
            raise self.error(key, "must be a non-empty string")
        return value

    def optional_text(self, key: str) -> str | None:
        """Return a non-empty string, or None where the key is absent or null."""
        return None if self.values.get(key) is None else self.text(key)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of distinct strings."""
        value = self.values.get(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(key, "must be a list of strings")
        if len(set(value)) != len(value):
            raise self.error(key, "names an item twice")
        return tuple(value)

    def optional_texts(self, key: str) -> tuple[str, ...]:
        """Return a list of distinct strings, an empty one where the key is absent."""
        return self.texts(key) if key in self.values else ()

    def table(self, key: str) -> Table:
        """Return a table."""
        return Table.of(self.path, self.values.get(key), self._at(key), self.remedy)

    def tables(self, key: str) -> dict[str, Table]:
        """Return a table of tables."""
        inner = self.table(key)
        return {name: inner.table(name) for name in inner.values}

    def optional_tables(self, key: str) -> dict[str, Table]:
        """Return a table of tables, an empty one where the key is absent."""
        return self.tables(key) if key in self.values else {}

    def flag(self, key: str) -> bool:
        """Return true or false, false where the key is absent."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, "must be true or false")
        return value

    def rows(self, key: str) -> list[Table]:
        """Return a list of tables."""
        value = self.values.get(key)
        if not isinstance(value, list):
            raise self.error(key, "must be a list")
        return [Table.of(self.path, item, self._at(key), self.remedy) for item in value]

    def only(self, *keys: str) -> None:
        """Refuse keys other than these, so that a typing error is not silently ignored."""
        for key in self.values:
            if key not in keys:
                raise self.error(key, f"is unknown here; known are {', '.join(keys)}")

    def error(self, key: str, reason: str) -> PatchError:
        """Return an error about a key of this table."""
        return PatchError(f"{self.path}: `{self._at(key)}` {reason}; {self.remedy}")

    def _at(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key
