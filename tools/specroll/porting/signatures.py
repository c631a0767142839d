"""What a function or class takes, read from its source, and whether a call depends on a change."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from inspect import BoundArguments, Parameter, Signature

from specroll.porting.definitions import FUNCTIONS, statements

# Characters of two signatures that a sentence still holds.
SHORT = 160

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Default(str):
    """The source of a default; a signature shows it as it stands.

    >>> str(Signature([Parameter("a", Parameter.KEYWORD_ONLY, default=Default("1 << 4"))]))
    '(*, a=1 << 4)'
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the source itself."""
        return str(self)


def of_function(node: Function, *, is_bound: bool = False) -> Signature:
    """Return the parameters of a function; of a bound one, those after the first.

    >>> node = ast.parse("def f(self, a: int, *, b=1): ...").body[0]
    >>> str(of_function(node, is_bound=True))
    '(a, *, b=1)'
    """
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    without = [None] * (len(positional) - len(arguments.defaults))
    parameters = []
    for argument, value in zip(positional, [*without, *arguments.defaults], strict=True):
        is_named = argument in arguments.args
        kind = Parameter.POSITIONAL_OR_KEYWORD if is_named else Parameter.POSITIONAL_ONLY
        parameters.append(_parameter(argument.arg, kind, value))
    if is_bound:
        del parameters[:1]
    if arguments.vararg:
        parameters.append(Parameter(arguments.vararg.arg, Parameter.VAR_POSITIONAL))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        parameters.append(_parameter(argument.arg, Parameter.KEYWORD_ONLY, default))
    if arguments.kwarg:
        parameters.append(Parameter(arguments.kwarg.arg, Parameter.VAR_KEYWORD))
    return Signature(parameters)


def of_fields(classes: Iterable[ast.ClassDef]) -> Signature:
    """Return what classes take whose fields make their `__init__`, base classes first.

    >>> node = ast.parse("class A:\\n    a: int\\n    b: int = field(default=1)").body[0]
    >>> str(of_fields([node]))
    '(a, b=1)'
    """
    fields: dict[str, Parameter] = {}
    for node in classes:
        kind = Parameter.KEYWORD_ONLY if _is_keyword_only(node) else Parameter.POSITIONAL_OR_KEYWORD
        for name, statement in own_fields(node).items():
            if _last_name(statement.annotation) == "KW_ONLY":
                kind = Parameter.KEYWORD_ONLY
            elif not _is_no_argument(statement.value):
                fields[name] = _parameter(name, kind, _default(statement.value))
    # A field with a default may precede one without, in a base class or behind a field of its own.
    ordered = sorted(fields.values(), key=lambda each: each.kind)
    return Signature(ordered, __validate_parameters__=False)


def own_fields(node: ast.ClassDef) -> dict[str, ast.AnnAssign]:
    """Return the annotated fields of a class by name, but for class variables."""
    return {
        statement.target.id: statement
        for statement in statements(node.body)
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and _last_name(statement.annotation) != "ClassVar"
    }


def own_function(node: ast.ClassDef, name: str) -> Function | None:
    """Return the method of this name that a class defines itself, the last one."""
    found = [
        statement
        for statement in statements(node.body)
        if isinstance(statement, FUNCTIONS) and statement.name == name
    ]
    return found[-1] if found else None


def decorators(node: ast.stmt) -> set[str]:
    """Return the last names of a definition's decorators.

    >>> sorted(decorators(ast.parse("@a.b(1)\\n@c\\ndef f(): ...").body[0]))
    ['b', 'c']
    """
    return {_last_name(each) for each in getattr(node, "decorator_list", [])}


def is_same_call(old: Signature, new: Signature, call: ast.Call) -> bool:
    """Say whether a call hands over the same with either signature, defaults included.

    >>> old, new = (of_function(ast.parse(f"def f({a}): ...").body[0]) for a in ("a", "a, b=1"))
    >>> is_same_call(old, new, ast.parse("f(0)").body[0].value)
    True
    """
    if not call.args and any(each.arg is None for each in call.keywords):
        return _keeps_names(old, new)
    before, after = _bound(old, call), _bound(new, call)
    if before is None or after is None or before.arguments != after.arguments:
        return False
    left_out = [name for name in new.parameters if name not in after.arguments]
    return all(
        old.parameters[name].default == new.parameters[name].default
        for name in left_out
        if name in old.parameters
    )


def difference(old: Signature, new: Signature) -> str:
    """Return both signatures where they are short, else what the new one loses and gains.

    >>> old, new = (of_function(ast.parse(f"def f({a}): ...").body[0]) for a in ("a", "a, b=1"))
    >>> difference(old, new)
    '(a) → (a, b=1)'
    """
    if len(f"{old}{new}") <= SHORT:
        return f"{old} → {new}"
    lost = [str(each) for each in old.parameters.values() if each not in new.parameters.values()]
    gained = [str(each) for each in new.parameters.values() if each not in old.parameters.values()]
    words = [
        f"{verb} {', '.join(names)}"
        for verb, names in (("loses", lost), ("gains", gained))
        if names
    ]
    return "; ".join(words) or "has another order"


def _keeps_names(old: Signature, new: Signature) -> bool:
    """Say whether arguments of any names mean the same: only optional ones are new."""
    kept = all(new.parameters.get(name) == each for name, each in old.parameters.items())
    gained = (each for name, each in new.parameters.items() if name not in old.parameters)
    return kept and all(each.default is not each.empty for each in gained)


def _bound(signature: Signature, call: ast.Call) -> BoundArguments | None:
    """Return which parameter gets what, None where that is not plain or does not fit."""
    if any(isinstance(each, ast.Starred) for each in call.args):
        return None
    names = {each.arg: ast.dump(each.value) for each in call.keywords if each.arg}
    if len(names) != len(call.keywords):
        return None
    try:
        return signature.bind(*map(ast.dump, call.args), **names)
    except TypeError:
        return None


def _parameter(name: str, kind: object, default: ast.expr | str | None) -> Parameter:
    text = ast.unparse(default) if isinstance(default, ast.expr) else default
    value = Parameter.empty if text is None else Default(text)
    return Parameter(name, kind, default=value)  # type: ignore[arg-type]  # no public name


def _default(value: ast.expr | None) -> ast.expr | str | None:
    """Return the default that a field gives, None where it gives none."""
    if not (isinstance(value, ast.Call) and _last_name(value).lower() == "field"):
        return value
    keywords = {each.arg: each.value for each in value.keywords}
    if "default_factory" in keywords:
        return f"{ast.unparse(keywords['default_factory'])}()"
    default = keywords.get("default", value.args[0] if value.args else None)
    is_required = isinstance(default, ast.Constant) and default.value is ...
    return None if is_required else default


def _is_no_argument(value: ast.expr | None) -> bool:
    """Say whether a field is left out of `__init__`: `field(init=False)`."""
    return isinstance(value, ast.Call) and any(
        each.arg == "init" and isinstance(each.value, ast.Constant) and each.value.value is False
        for each in value.keywords
    )


def _is_keyword_only(node: ast.ClassDef) -> bool:
    calls = [each for each in node.decorator_list if isinstance(each, ast.Call)]
    keywords = [*node.keywords, *(keyword for call in calls for keyword in call.keywords)]
    return any(
        each.arg == "kw_only" and isinstance(each.value, ast.Constant) and bool(each.value.value)
        for each in keywords
    )


def _last_name(node: ast.expr) -> str:
    while isinstance(node, (ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.partition("[")[0].rpartition(".")[2]
    return node.id if isinstance(node, ast.Name) else ""
