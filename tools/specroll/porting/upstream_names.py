"""Whether what the overlay imports, calls and overrides is upstream still, and takes the same."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from inspect import Signature

from specroll.porting import signatures
from specroll.porting.definitions import FUNCTIONS, statements
from specroll.porting.finding import Finding
from specroll.porting.names import Class, Names, Reference, Things, module_of, own_member
from specroll.porting.release import Release, Source, UnparsableError
from specroll.porting.uses import MemberUse, OwnClass, Use, Uses


def changes(
    overlay: Mapping[str, bytes], old: Release, new: Release, upstream: Collection[str]
) -> Iterator[Finding]:
    """Yield a finding for each upstream name of the overlay that is gone or takes something else.

    What cannot be followed in the old release, without running anything, is not looked at. A call
    that hands over the same with either signature is not told of.

    >>> releases = [
    ...     Release(name, {"p/x.py": f"def f({takes}): ...".encode()}.get)
    ...     for name, takes in {"1.0": "a", "2.0": "a, b"}.items()
    ... ]
    >>> overlay = {"p/ours.py": b"from p.x import f\\nf(1)\\n"}
    >>> [finding.sentence for finding in changes(overlay, *releases, {"p"})]
    ['p/ours.py:2 calls p.x.f, which takes something else in 2.0: (a) → (a, b)']

    Args:
        overlay: The bytes of all overlay files that are there beside upstream's, by path.
        old: The release that they were written for.
        new: The other one.
        upstream: The folders of site-packages that are upstream's.
    """
    sources, faults = parsed(overlay)
    yield from faults
    before, after = (Names(release, sources, upstream) for release in (old, new))
    for path, source in sources.items():
        yield from Check(path, before, after).findings(Uses.of(path, source))


def parsed(overlay: Mapping[str, bytes]) -> tuple[Mapping[str, Source], Sequence[Finding]]:
    """Return the overlay's Python files by path, and what is wrong with those that do not parse.

    >>> sources, faults = parsed({"p/x.py": b"", "p/y.py": b"(", "p/z.txt": b""})
    >>> list(sources), len(faults)
    (['p/x.py'], 1)
    """
    sources: dict[str, Source] = {}
    faults = []
    for path, data in overlay.items():
        if path.endswith(".py"):
            try:
                sources[path] = Source.parse(path, data)
            except UnparsableError as error:
                faults.append(Finding(f"Upstream names in {path} cannot be checked: {error}"))
    return sources, faults


def taken(overlay: Iterable[str], new: Release) -> Iterator[Finding]:
    """Yield a finding for each overlay file whose place is taken in the new release.

    >>> new = Release("2.0", {"p/x/__init__.py": b""}.get)
    >>> [finding.sentence for finding in taken(["p/x.py", "p/y.py"], new)]
    ['p/x.py of the overlay is the module p/x/__init__.py in 2.0']
    """
    for path in overlay:
        if new.has(path):
            yield Finding(f"{path} of the overlay exists upstream in {new.name}")
            continue
        module = module_of(path).replace(".", "/")
        for other in (f"{module}/__init__.py", f"{module}.py"):
            if path.endswith(".py") and new.has(other):
                yield Finding(f"{path} of the overlay is the module {other} in {new.name}")


class Check:
    """One file between two releases: of the overlay, or patched."""

    def __init__(self, path: str, old: Names, new: Names) -> None:
        """Name the file, and what names stand for in either release."""
        self._path = path
        self._old = old
        self._new = new
        self._told: set[str] = set()

    def findings(self, uses: Uses) -> Iterator[Finding]:
        """Yield what has changed of these uses, in the order of lines."""
        found = [
            *(each for use in uses.of_names if use.is_import for each in self._of_import(use)),
            *(each for own in uses.classes for each in self._of_class(own)),
            *(each for use in uses.of_names if not use.is_import for each in self._of_use(use)),
            *(each for use in uses.of_members for each in self._of_member(use)),
        ]
        for line, text in sorted(found, key=lambda each: each[0]):
            yield Finding(f"{self._path}:{line} {text}")

    def _of_import(self, use: Use) -> Iterator[tuple[int, str]]:
        things = self._upstreams(self._old.follow(use.reference))
        is_ours = self._module_is_ours(use.reference)
        name = str(use.reference)
        if things and not is_ours and not self._new.follow(use.reference):
            text = f"imports {name}, which {self._new.loss(use.reference)}"
            yield from self._once(use.line, name, text)

    def _of_use(self, use: Use) -> Iterator[tuple[int, str]]:
        """Look at the longest part of the names that is known; the import saw to the first."""
        root = len(use.reference.names) - len(use.names) + 1
        first = Reference(use.reference.module, use.reference.names[:root])
        if self._old.follow(first) and not self._new.follow(first):
            return
        for number in range(len(use.reference.names), max(root, 1) - 1, -1):
            reference = Reference(use.reference.module, use.reference.names[:number])
            things = self._upstreams(self._old.follow(reference))
            if things:
                is_whole = number == len(use.reference.names)
                call = use.call if is_whole else None
                verb = "calls" if call else "uses"
                found = self._new.follow(reference)
                yield from self._compared(use.line, verb, things, found, call)
                return

    def _of_member(self, use: MemberUse) -> Iterator[tuple[int, str]]:
        is_own = not use.is_of_super and own_member(use.owner.node, use.name)
        if is_own or self._has_lost_a_base(use.owner):
            return
        before, after = (
            names.member(names.line_of(use.owner.bases), use.name)
            for names in (self._old, self._new)
        )
        verb = "calls" if use.call else "uses"
        yield from self._compared(use.line, verb, self._upstreams(before), after, use.call)

    def _of_class(self, own: OwnClass) -> Iterator[tuple[int, str]]:
        if self._has_lost_a_base(own):
            return
        before, after = (names.line_of(own.bases) for names in (self._old, self._new))
        methods = [node for node in statements(own.node.body) if isinstance(node, FUNCTIONS)]
        for node in methods:
            things = self._old.member(before, node.name)
            if self._upstreams(things):
                found = self._new.member(after, node.name)
                yield from self._compared(node.lineno, "overrides", things, found, None)
        if self._knows_all_bases(own):
            yield from self._newly_overridden(own, methods, before, after)
            yield from self._newly_abstract(own, before, after)

    def _newly_overridden(
        self,
        own: OwnClass,
        methods: Iterable[ast.FunctionDef | ast.AsyncFunctionDef],
        before: Sequence[Class],
        after: Sequence[Class],
    ) -> Iterator[tuple[int, str]]:
        for node in methods:
            things = self._upstreams(self._new.member(after, node.name))
            is_special = node.name.startswith("__")
            if things and not is_special and not self._old.member(before, node.name):
                name = f"{own.node.name}.{node.name}"
                text = f"defines {name}, which overrides {things[0].reference}"
                yield node.lineno, f"{text}, new in {self._place}"

    def _newly_abstract(
        self, own: OwnClass, before: Sequence[Class], after: Sequence[Class]
    ) -> Iterator[tuple[int, str]]:
        for name in sorted({name for each in after for name in _abstract(each)}):
            is_known = own_member(own.node, name) or _is_abstract(self._old.member(before, name))
            things = () if is_known else self._new.member(after, name)
            if _is_abstract(things):
                place = f"{things[0].reference}, which is abstract in {self._place}"
                yield own.line, f"does not define {place}"

    def _compared(
        self, line: int, verb: str, before: Things, after: Things, call: ast.Call | None
    ) -> Iterator[tuple[int, str]]:
        if not before:
            return
        name = str(before[0].reference)
        if not after:
            loss = self._new.loss(before[0].reference)
            yield from self._once(line, name, f"{verb} {name}, which {loss}")
            return
        matters = verb != "uses" or _takes_arguments(before) or _takes_arguments(after)
        if matters and (change := self._change(before, after, call)):
            what, shown = change
            text = f"{verb} {name}, which {what} in {self._place}: {shown}"
            yield from self._once(line, f"{name}()", text)

    def _change(
        self, before: Things, after: Things, call: ast.Call | None
    ) -> tuple[str, str] | None:
        """Return what has changed and how; None where nothing has that matters."""
        was, now = ({thing.kind: None for thing in things} for things in (before, after))
        if was != now:
            return "is something else", f"{' or '.join(was)} → {' or '.join(now)}"
        old = [self._old.signature(thing) for thing in before]
        new = [self._new.signature(thing) for thing in after]
        if set(old) == set(new):
            return None
        if call and len(old) == len(new):
            pairs = zip(old, new, strict=True)
            if all(a and b and signatures.is_same_call(a, b, call) for a, b in pairs):
                return None
        return "takes something else", _shown(old, new)

    def _once(self, line: int, name: str, text: str) -> Iterator[tuple[int, str]]:
        """Tell of a name once, and of nothing behind it when it is gone."""
        if not any(name == each or name.startswith(f"{each}.") for each in self._told):
            self._told.add(name)
            yield line, text

    def _has_lost_a_base(self, own: OwnClass) -> bool:
        return any(self._old.follow(base) and not self._new.follow(base) for base in own.bases)

    def _knows_all_bases(self, own: OwnClass) -> bool:
        """Say whether no base is new: all that such a class has would pass for new too."""
        return all(self._old.follow(base) or not self._new.follow(base) for base in own.bases)

    def _module_is_ours(self, reference: Reference) -> bool:
        modules = self._old.follow(Reference(reference.module))
        return bool(modules) and not self._upstreams(modules)

    def _upstreams(self, things: Things) -> Things:
        return tuple(thing for thing in things if self._old.is_upstreams(thing))

    @property
    def _place(self) -> str:
        return self._new.release.name


def _takes_arguments(things: Things) -> bool:
    return any(isinstance(thing.node, FUNCTIONS) and thing.kind != "property" for thing in things)


def _is_abstract(things: Things) -> bool:
    nodes = [thing.node for thing in things if thing.node]
    return any("abstractmethod" in signatures.decorators(node) for node in nodes)


def _abstract(node: Class) -> Iterator[str]:
    for each in statements(node.node.body):
        if isinstance(each, FUNCTIONS) and "abstractmethod" in signatures.decorators(each):
            yield each.name


def _shown(old: Sequence[Signature | None], new: Sequence[Signature | None]) -> str:
    if len(old) == len(new) == 1 and old[0] and new[0]:
        return signatures.difference(old[0], new[0])
    return f"{_alternatives(old)} → {_alternatives(new)}"


def _alternatives(found: Sequence[Signature | None]) -> str:
    return " or ".join(dict.fromkeys("(…)" if each is None else str(each) for each in found))
