"""A definition of upstream's, found by its qualified name and compared between two releases."""

from __future__ import annotations

import ast
import copy
import difflib
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from specroll.porting.release import AbsentError, Release, Source

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.ClassDef)


@dataclass(frozen=True)
class Definition:
    """All that one scope says of one name: conditional definitions and overloads count together.

    >>> release = Release("2.0", {"p/x.py": b"class A:\\n    LIMIT = 3  # at most\\n"}.get)
    >>> Definition.find(release, "p/x.py", "A.LIMIT").text
    'LIMIT = 3  # at most\\n'
    """

    place: str
    nodes: tuple[ast.stmt, ...]
    text: str

    @classmethod
    def find(cls, release: Release, path: str, name: str) -> Definition:
        """Return what a file says of a qualified name such as `Class.method`.

        Raises:
            AbsentError: there is no such file, or no such name in it.
            UnparsableError: the file is not Python source.
        """
        source = release.source(path)
        nodes = named(source.tree.body, name.split("."))
        if not nodes:
            raise AbsentError(f"{path} defines no {name} in {release.name}")
        text = "\n".join(_text(source, node) for node in nodes)
        return cls(f"{release.name}/{path}:{name}", tuple(nodes), text)

    def says_the_same(self, other: Definition) -> bool:
        """Compare without comments, docstrings, blank lines and formatting."""
        return [*map(_meaning, self.nodes)] == [*map(_meaning, other.nodes)]

    def diff(self, new: Definition) -> str:
        """Return what changed in the text, as a unified diff."""
        before, after = (side.text.splitlines(keepends=True) for side in (self, new))
        return "".join(difflib.unified_diff(before, after, self.place, new.place))


def named(body: Sequence[ast.stmt], name: Sequence[str]) -> list[ast.stmt]:
    """Return the statements that bind a name, given as the names that lead to it."""
    found = [node for node in statements(body) if name[0] in bound_names(node)]
    if len(name) == 1:
        return found
    inner = (node.body for node in found if isinstance(node, SCOPES))
    return [node for body in inner for node in named(body, name[1:])]


def statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a scope, also those inside of `if`, `try`, `with` and loops."""
    for node in body:
        yield node
        if not isinstance(node, SCOPES):
            for field in ("body", "handlers", "cases", "orelse", "finalbody"):
                for inner in getattr(node, field, []):
                    yield from statements([inner] if isinstance(inner, ast.stmt) else inner.body)


def bound_names(node: ast.stmt) -> set[str]:
    """Return the names that a statement defines or assigns; imports define nothing."""
    if isinstance(node, SCOPES):
        return {node.name}
    parts = [*getattr(node, "targets", []), getattr(node, "target", None)]
    parts += [item.optional_vars for item in getattr(node, "items", [])]
    # Of a `type` statement, which this Python may not know.
    parts.append(getattr(node, "name", None))
    inner = (name for part in parts if isinstance(part, ast.AST) for name in ast.walk(part))
    return {
        name.id for name in inner if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }


def first_line(node: ast.stmt) -> int:
    """Return the number of a statement's first line, decorators included."""
    decorators = node.decorator_list if isinstance(node, SCOPES) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def last_line(node: ast.stmt) -> int:
    """Return the number of a statement's last line."""
    return node.end_lineno or node.lineno


def _text(source: Source, node: ast.stmt) -> str:
    lines = source.lines[first_line(node) - 1 : last_line(node)]
    return textwrap.dedent("".join(f"{line}\n" for line in lines))


def _meaning(node: ast.stmt) -> str:
    return ast.dump(_WithoutTexts().visit(copy.deepcopy(node)))


class _WithoutTexts(ast.NodeTransformer):
    """Drops docstrings, those after fields included: strings that nothing is done with."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node
