"""Which class or function each line of a file belongs to."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from specroll.porting.definitions import SCOPES, first_line, last_line, statements
from specroll.porting.release import Source


@dataclass(frozen=True)
class Scope:
    """A class or function: its qualified name, where it is indented to, and what it stands in."""

    name: str
    column: int
    parent: Scope | None


class Scopes:
    """The scopes of a file; lines count from zero, as a patch counts them.

    >>> scopes = Scopes(Source.parse("p/x.py", b"class A:\\n    def f(self): ...\\n\\nb = 1\\n"))
    >>> [scopes.holder(line) for line in range(4)]
    ['A', 'A.f', '', '']
    """

    def __init__(self, source: Source) -> None:
        """Find out for each line."""
        self._lines = source.lines
        self._innermost: list[Scope | None] = [None] * len(source.lines)
        self._paint(source.tree.body, None)

    def holder(self, line: int) -> str:
        """Return the qualified name of the innermost class or function, '' for the module.

        Decorators belong to what they decorate. A comment after the last statement of a function
        belongs to it where it is indented as the function's body is.
        """
        scope = self._innermost[line]
        if self._lines[line].lstrip().startswith("#"):
            scope = self._of_comment(line)
        return scope.name if scope else ""

    def _paint(self, body: Sequence[ast.stmt], parent: Scope | None) -> None:
        for node in statements(body):
            if isinstance(node, SCOPES):
                name = f"{parent.name}.{node.name}" if parent else node.name
                scope = Scope(name, node.col_offset, parent)
                for line in range(first_line(node) - 1, last_line(node)):
                    self._innermost[line] = scope
                self._paint(node.body, scope)

    def _of_comment(self, line: int) -> Scope | None:
        text = self._lines[line]
        indentation = len(text) - len(text.lstrip())
        before = line
        while before and self._lines[before].lstrip()[:1] in ("", "#"):
            before -= 1
        scope = self._innermost[before]
        while scope and scope is not self._innermost[line] and scope.column >= indentation:
            scope = scope.parent
        return scope
