"""What names stand for in a release with the overlay in it, followed without running anything."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import Signature

from specroll.porting import signatures
from specroll.porting.definitions import FUNCTIONS, bound_names, statements
from specroll.porting.release import Release, Source, UnparsableError


@dataclass(frozen=True)
class Reference:
    """Names that lead somewhere from a module; without any, the module itself.

    >>> str(Reference("p.x", ("A", "f")))
    'p.x.A.f'
    """

    module: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the names with dots between them."""
        return ".".join((self.module, *self.names))

    def inner(self, name: str) -> Reference:
        """Return what leads one name further."""
        return Reference(self.module, (*self.names, name))


@dataclass(frozen=True)
class Class:
    """A class: the file that defines it, its name, and its statement."""

    path: str
    reference: Reference
    node: ast.ClassDef


@dataclass(frozen=True)
class Thing:
    """What a name stands for: a module, or what a statement in it defines or assigns."""

    path: str
    reference: Reference
    node: ast.stmt | None = None
    is_member: bool = False

    @property
    def as_class(self) -> Class | None:
        """Return it as a class, where it is one."""
        if not isinstance(self.node, ast.ClassDef):
            return None
        return Class(self.path, self.reference, self.node)

    @property
    def kind(self) -> str:
        """Say in a word or two what it is."""
        node = self.node
        if node is None:
            return "module"
        if isinstance(node, ast.ClassDef):
            return "class"
        if not isinstance(node, FUNCTIONS):
            return "value"
        names = signatures.decorators(node)
        if names & {"property", "cached_property"}:
            return "property"
        words = ["async"] if isinstance(node, ast.AsyncFunctionDef) else []
        words += [word for word in ("static", "class") if f"{word}method" in names]
        return " ".join([*words, "method" if self.is_member else "function"])


Things = tuple[Thing, ...]
IMPORTS = (ast.Import, ast.ImportFrom)


class Names:
    """A release with the overlay in it.

    >>> release = Release("2.0", {"p/x.py": b"from .y import f", "p/y.py": b"def f(a): ..."}.get)
    >>> (thing,) = Names(release, {}, {"p"}).follow(Reference("p.x", ("f",)))
    >>> str(thing.reference), thing.path, thing.kind
    ('p.y.f', 'p/y.py', 'function')
    """

    def __init__(
        self, release: Release, overlay: Mapping[str, Source], upstream: Collection[str]
    ) -> None:
        """Name the release, the overlay's files by path, and upstream's folders."""
        self.release = release
        self._overlay = overlay
        self._upstream = upstream
        self._bindings: dict[str, Mapping[str, Sequence[ast.stmt]]] = {}
        self._resolved: dict[tuple[str, str], Things] = {}

    def is_upstreams(self, thing: Thing) -> bool:
        """Say whether a thing is upstream's, and not of the overlay."""
        return thing.path not in self._overlay

    def file_of(self, module: str) -> str | None:
        """Return the path of a module that is upstream's or the overlay's."""
        base = module.replace(".", "/")
        return next(filter(self._has, (f"{base}/__init__.py", f"{base}.py")), None)

    def follow(self, reference: Reference) -> Things:
        """Return what names lead to, nothing where they lead nowhere or out of what is known."""
        if not reference.names:
            return self._module(reference.module)
        found = self._resolve(reference.module, reference.names[0])
        for name in reference.names[1:]:
            found = tuple(inner for thing in found for inner in self._attribute(thing, name))
        return found

    def line_above(self, node: Class, below: Collection[Reference] = frozenset()) -> list[Class]:
        """Return a class and its known base classes, in the order in which Python asks them."""
        module = node.reference.module
        bases = [Reference(module, names) for names in map(dotted, node.node.bases) if names]
        return [node, *self.line_of(bases, {*below, node.reference})]

    def line_of(
        self, bases: Sequence[Reference], below: Collection[Reference] = frozenset()
    ) -> list[Class]:
        """Return the classes that these are, with their known base classes."""
        things = [thing for reference in bases for thing in self.follow(reference)]
        classes = [thing.as_class for thing in dict.fromkeys(things)]
        found = [
            each
            for node in classes
            if node and node.reference not in below
            for each in self.line_above(node, below)
        ]
        # A base that several classes share comes after all of them.
        return [each for number, each in enumerate(found) if each not in found[number + 1 :]]

    def member(self, line: Sequence[Class], name: str) -> Things:
        """Return what classes in this order have of a name: a definition, or an attribute."""
        for each in line:
            if nodes := own_member(each.node, name):
                reference = each.reference.inner(name)
                return tuple(Thing(each.path, reference, node, is_member=True) for node in nodes)
        return ()

    def loss(self, reference: Reference) -> str:
        """Say what became of a name that cannot be followed."""
        path = self.file_of(reference.module)
        if path is None:
            return f"is gone: {self.release.name} has no module {reference.module}"
        try:
            self._source(path)
        except UnparsableError as error:
            return f"cannot be followed: {error}"
        bindings = self._bindings_of(path)
        is_bound = {reference.names[0], "__getattr__"} & {*bindings}
        if is_bound and not self.follow(Reference(reference.module, reference.names[:1])):
            return f"cannot be followed in {self.release.name}"
        return f"is gone in {self.release.name}"

    def signature(self, thing: Thing) -> Signature | None:
        """Return what a function or class takes, None where that is not known."""
        if thing.as_class:
            return self._of_class(self.line_above(thing.as_class))
        if not isinstance(thing.node, FUNCTIONS):
            return None
        is_static = "staticmethod" in signatures.decorators(thing.node)
        return signatures.of_function(thing.node, is_bound=thing.is_member and not is_static)

    def _of_class(self, line: Sequence[Class]) -> Signature | None:
        for number, each in enumerate(line):
            if function := signatures.own_function(each.node, "__init__"):
                return signatures.of_function(function, is_bound=True)
            if each.node.decorator_list and signatures.own_fields(each.node):
                line = line[number:]
                break
        signature = signatures.of_fields(each.node for each in reversed(line))
        return signature if signature.parameters else None

    def _has(self, path: str) -> bool:
        return path in self._overlay or (
            path.partition("/")[0] in self._upstream and self.release.has(path)
        )

    def _module(self, module: str) -> Things:
        path = self.file_of(module)
        return (Thing(path, Reference(module)),) if path else ()

    def _attribute(self, thing: Thing, name: str) -> Things:
        if thing.node is None:
            return self._resolve(thing.reference.module, name)
        if thing.as_class:
            return self.member(self.line_above(thing.as_class), name)
        return ()

    def _resolve(self, module: str, name: str) -> Things:
        key = module, name
        if key not in self._resolved:
            # What leads back here adds nothing.
            self._resolved[key] = ()
            self._resolved[key] = self._looked_up(module, name)
        return self._resolved[key]

    def _looked_up(self, module: str, name: str) -> Things:
        path = self.file_of(module)
        found = self._bound(path, Reference(module, (name,))) if path else []
        return tuple(dict.fromkeys(found)) or self._module(f"{module}.{name}")

    def _bound(self, path: str, here: Reference) -> list[Thing]:
        """Return what the statements of a file bind a name to."""
        (name,) = here.names
        bindings = self._bindings_of(path)
        nodes = _without_overloads(bindings.get(name, ()))
        found = [thing for node in nodes for thing in self._of_statement(path, here, node)]
        if not found and not name.startswith("_"):
            for node in bindings.get("*", ()):
                for _, reference in imported(node, path):
                    found += self._resolve(reference.module, name)
        return found

    def _of_statement(self, path: str, here: Reference, node: ast.stmt) -> Things:
        name = here.names[0]
        if isinstance(node, IMPORTS):
            references = [each for bound, each in imported(node, path) if bound == name]
            return tuple(thing for each in references for thing in self._imported(each, here))
        value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
        names = dotted(value) if value else ()
        # Another name for something.
        same = self.follow(Reference(here.module, names)) if names else ()
        return same or (Thing(path, here, node),)

    def _imported(self, reference: Reference, here: Reference) -> Things:
        """Follow an import; with `from . import x` a package gives its submodule a name."""
        return self._module(str(here)) if reference == here else self.follow(reference)

    def _bindings_of(self, path: str) -> Mapping[str, Sequence[ast.stmt]]:
        if path not in self._bindings:
            try:
                self._bindings[path] = _bindings(self._source(path), path)
            except UnparsableError:
                self._bindings[path] = {}
        return self._bindings[path]

    def _source(self, path: str) -> Source:
        return self._overlay.get(path) or self.release.source(path)


def dotted(node: ast.expr) -> tuple[str, ...]:
    """Return the names of `a.b.c`, also of `a.b.c[d]`; nothing for any other expression.

    >>> dotted(ast.parse("a.b[c]", mode="eval").body)
    ('a', 'b')
    """
    names: list[str] = []
    if isinstance(node, ast.Subscript):
        node = node.value
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else ()


def imported(node: ast.stmt, path: str) -> Iterator[tuple[str, Reference]]:
    """Yield each name that an import binds in the file of this path, and what it stands for."""
    for alias in node.names if isinstance(node, IMPORTS) else ():
        if isinstance(node, ast.ImportFrom):
            module = imported_from(node, path)
            yield alias.asname or alias.name, Reference(module, (alias.name,))
        elif alias.asname:
            yield alias.asname, Reference(alias.name)
        else:
            top = alias.name.partition(".")[0]
            yield top, Reference(top)


def imported_from(node: ast.ImportFrom, path: str) -> str:
    """Return the module that is imported from, by its whole name.

    >>> imported_from(ast.parse("from ..y import a").body[0], "p/q/x.py")
    'p.y'
    """
    folders = path.split("/")[: -node.level] if node.level else []
    return ".".join([*folders, *([node.module] if node.module else [])])


def module_of(path: str) -> str:
    """Return the name of the module in a file.

    >>> module_of("p/q/__init__.py"), module_of("p/x.py")
    ('p.q', 'p.x')
    """
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def own_member(node: ast.ClassDef, name: str) -> list[ast.stmt]:
    """Return what a class itself says of a name: definitions, or an attribute of `self`."""
    nodes = [each for each in statements(node.body) if name in bound_names(each)]
    return _without_overloads(nodes) or _assignments_to_self(node, name)


def _bindings(source: Source, path: str) -> Mapping[str, Sequence[ast.stmt]]:
    found: dict[str, list[ast.stmt]] = {}
    for node in statements(source.tree.body):
        for name in [*bound_names(node), *(bound for bound, _ in imported(node, path))]:
            found.setdefault(name, []).append(node)
    return found


def _without_overloads(nodes: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Drop what says only for type checkers how a function can be called."""
    rest = [node for node in nodes if "overload" not in signatures.decorators(node)]
    return rest or [*nodes]


def _assignments_to_self(node: ast.ClassDef, name: str) -> list[ast.stmt]:
    """Return the first assignment to an attribute of `self` in a method, if there is one."""
    for method in statements(node.body):
        if isinstance(method, FUNCTIONS) and method.args.args:
            own = method.args.args[0].arg
            for each in ast.walk(method):
                if (
                    isinstance(each, ast.Attribute)
                    and isinstance(each.ctx, ast.Store)
                    and (dotted(each) == (own, name))
                ):
                    return [ast.copy_location(ast.Expr(each), each)]
    return []
