"""What a file imports, calls and overrides, by the names that lead there."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from specroll.porting.definitions import SCOPES, bound_names
from specroll.porting.names import IMPORTS, Reference, dotted, imported, module_of
from specroll.porting.release import Source


@dataclass(frozen=True)
class OwnClass:
    """A class of the file, and what its base classes are called."""

    line: int
    node: ast.ClassDef
    bases: tuple[Reference, ...]


@dataclass(frozen=True)
class Use:
    """Names that the file imports, reads or calls."""

    line: int
    reference: Reference
    # As it stands in the file, without what it was imported as.
    names: tuple[str, ...]
    is_import: bool = False
    call: ast.Call | None = None


@dataclass(frozen=True)
class MemberUse:
    """What a method of a class reads or calls on `self`, or on `super()`."""

    line: int
    owner: OwnClass
    name: str
    call: ast.Call | None
    is_of_super: bool = False


@dataclass
class Uses:
    """All uses in a file, in its order.

    >>> source = Source.parse("p/x.py", b"from q import y as z\\nz.f(1)\\n")
    >>> [str(use.reference) for use in Uses.of("p/x.py", source).of_names]
    ['q.y', 'p.x.z.f']
    """

    of_names: list[Use] = field(default_factory=list)
    of_members: list[MemberUse] = field(default_factory=list)
    classes: list[OwnClass] = field(default_factory=list)

    @classmethod
    def of(cls, path: str, source: Source) -> Uses:
        """Collect the uses in a file."""
        uses = cls()
        _Reader(path, uses).visit(source.tree)
        return uses


@dataclass(frozen=True)
class Instance:
    """What a parameter is, by its annotation."""

    of: Reference


Meaning = Reference | OwnClass | Instance | None


class _Reader(ast.NodeVisitor):
    """Walks through a file; knows in every place what the functions around it have bound."""

    def __init__(self, path: str, uses: Uses) -> None:
        self._path = path
        self._uses = uses
        # What local names mean, a function a frame; None for what cannot be followed.
        self._frames: list[dict[str, Meaning]] = []
        self._owner: OwnClass | None = None
        self._is_in_class = False

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(Use(node.lineno, Reference(alias.name), (), is_import=True))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for _, reference in imported(node, self._path):
            whole = Reference(reference.module) if reference.names == ("*",) else reference
            self._add(Use(node.lineno, whole, (), is_import=True))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_all([*node.decorator_list, *node.bases, *node.keywords])
        bases = (self._reference(dotted(base)) for base in node.bases)
        own = OwnClass(node.lineno, node, tuple(base for base in bases if base))
        self._uses.classes.append(own)
        outer = self._owner, self._is_in_class
        self._owner, self._is_in_class = own, True
        self._visit_all(node.body)
        self._owner, self._is_in_class = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_all([*node.args.defaults, *node.args.kw_defaults])
        self._visit_scope(_locals(node.args, [node.body], self._path), [node.body])

    def visit_Call(self, node: ast.Call) -> None:
        if self._read(node.func, node):
            self._visit_all([*node.args, *node.keywords])
        else:
            self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not self._read(node, None):
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        self._read(node, None)

    def _visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node:
                self.visit(node)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        parameters = [each for each in ast.walk(node.args) if isinstance(each, ast.arg)]
        self._visit_all([*node.decorator_list, *node.args.defaults, *node.args.kw_defaults])
        self._visit_all([*(each.annotation for each in parameters), node.returns])
        frame = _locals(node.args, node.body, self._path)
        frame.update(self._instances(node))
        if self._is_in_class and (itself := _first_parameter(node)):
            frame[itself] = self._owner
        self._visit_scope(frame, node.body)

    def _instances(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, Meaning]:
        """Return the parameters that are instances of a class and never anything else."""
        plain = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        bound = _bound(node.body)
        classes = {
            each.arg: self._reference(_class_of(each.annotation))
            for each in plain
            if each.annotation and each.arg not in bound
        }
        return {name: Instance(reference) for name, reference in classes.items() if reference}

    def _visit_scope(self, frame: dict[str, Meaning], body: Sequence[ast.AST]) -> None:
        outer, self._is_in_class = self._is_in_class, False
        self._frames.append(frame)
        self._visit_all(body)
        self._frames.pop()
        self._is_in_class = outer

    def _read(self, node: ast.expr, call: ast.Call | None) -> bool:
        """Note what an expression reads or calls; say whether it is made of plain names."""
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return False
        if isinstance(node, ast.Attribute) and _is_super(node.value) and self._owner:
            above = MemberUse(node.lineno, self._owner, node.attr, call, is_of_super=True)
            self._uses.of_members.append(above)
            return True
        names = dotted(node)
        if names and not isinstance(node.ctx, ast.Load):
            # What is assigned belongs to the object before the last dot.
            self._note(node.lineno, names[:-1], None)
        elif names:
            self._note(node.lineno, names, call)
        return bool(names)

    def _note(self, line: int, names: tuple[str, ...], call: ast.Call | None) -> None:
        meaning = self._meaning(names[0]) if names else None
        if isinstance(meaning, Instance) and len(names) > 1:
            # An attribute of an instance is found where the class says it.
            meaning = meaning.of
        if isinstance(meaning, OwnClass) and len(names) > 1:
            whole = call if len(names) == 2 else None
            self._uses.of_members.append(MemberUse(line, meaning, names[1], whole))
        elif isinstance(meaning, Reference):
            reference = Reference(meaning.module, (*meaning.names, *names[1:]))
            self._add(Use(line, reference, names, call=call))

    def _add(self, use: Use) -> None:
        self._uses.of_names.append(use)

    def _reference(self, names: tuple[str, ...]) -> Reference | None:
        meaning = self._meaning(names[0]) if names else None
        if not isinstance(meaning, Reference):
            return None
        return Reference(meaning.module, (*meaning.names, *names[1:]))

    def _meaning(self, name: str) -> Meaning:
        for frame in reversed(self._frames):
            if name in frame:
                return frame[name]
        return Reference(module_of(self._path), (name,))


def _locals(arguments: ast.arguments, body: Sequence[ast.AST], path: str) -> dict[str, Meaning]:
    """Return the names that a function binds; what an import brings is known."""
    parameters = (each.arg for each in ast.walk(arguments) if isinstance(each, ast.arg))
    frame: dict[str, Meaning] = dict.fromkeys([*parameters, *_bound(body)])
    for node in _of_one_scope(body):
        if isinstance(node, IMPORTS):
            frame.update(imported(node, path))
    return frame


def _bound(body: Sequence[ast.AST]) -> set[str]:
    """Return the names that the statements of a function assign or define."""
    found: set[str] = set()
    for node in _of_one_scope(body):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, SCOPES):
            found |= bound_names(node)
    return found


def _class_of(annotation: ast.expr) -> tuple[str, ...]:
    """Return the names of the class in `A` and `A | None`."""
    if isinstance(annotation, ast.BinOp):
        is_optional = isinstance(annotation.right, ast.Constant) and annotation.right.value is None
        return dotted(annotation.left) if is_optional else ()
    return dotted(annotation)


def _of_one_scope(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    for node in nodes:
        yield node
        if not isinstance(node, (*SCOPES, ast.Lambda)):
            yield from _of_one_scope(ast.iter_child_nodes(node))


def _first_parameter(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    """Return what a method calls the object that it belongs to."""
    names = [dotted(each) for each in node.decorator_list]
    parameters = [*node.args.posonlyargs, *node.args.args]
    return parameters[0].arg if parameters and ("staticmethod",) not in names else None


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func) == ("super",)
