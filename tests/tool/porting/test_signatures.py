"""What functions and classes take, and which calls a change of that matters to."""

import ast

import pytest
from specroll.porting import signatures


def statement(text):
    return ast.parse(text).body[0]


def function(arguments):
    return signatures.of_function(statement(f"def f({arguments}): ..."))


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "a",
        "a, b=1, *args, c, d=(1, 2), **kwargs",
        "a, /, b, *, c=None",
        "a=1, /, b=2",
        "*, a=1, b",
    ],
)
def test_parameters_of_a_function(arguments):
    assert str(function(arguments)) == f"({arguments})"


def test_annotations_do_not_count():
    assert function("a: int, b: str = 'x'") == function("a, b='x'")


@pytest.mark.parametrize(
    ("arguments", "bound"), [("self, a", "(a)"), ("*args, a", "(*args, a)"), ("a, /, b", "(b)")]
)
def test_a_bound_method(arguments, bound):
    node = statement(f"def f({arguments}): ...")
    assert str(signatures.of_function(node, is_bound=True)) == bound


def fields(*texts):
    return str(signatures.of_fields(map(statement, texts)))


@pytest.mark.parametrize(
    ("body", "takes"),
    [
        ("a: int; b = 2; c: str = 'x'", "(a, c='x')"),
        ("a: ClassVar[int] = 1; b: 'ClassVar' = 2; c: 'typing.ClassVar[int]' = 3; d: int", "(d)"),
        ("a: list = field(default_factory=list); b: int = dataclasses.field(default=1)",
         "(a=list(), b=1)"),
        ("a: int = field(init=False); b: int = field(init=True)", "(b)"),
        ("a: int = Field(...); b: int = Field(1, gt=0); c: int = field(repr=False)", "(a, b=1, c)"),
        ("a: int; _: KW_ONLY; b: int", "(a, *, b)"),
        ("a: int = compute()", "(a=compute())"),
        ("a.b: int = 1", "()"),
    ],
)  # fmt: skip
def test_fields_of_a_class(body, takes):
    assert fields(f"class A: {body}") == takes


def test_fields_of_base_classes_come_first():
    base, own = "class A: a: int = 1; b: int", "class B(A): c: int; a: int = 2"
    assert fields(base, own) == "(a=2, b, c)"


@pytest.mark.parametrize(
    "head", ["@dataclass(kw_only=True)\nclass A:", "class A(B, kw_only=True):"]
)
def test_fields_that_are_given_by_name(head):
    assert fields(f"{head} a: int; b: int = 1") == "(*, a, b=1)"
    assert fields(f"{head} a: int".replace("True", "False")) == "(a)"


@pytest.mark.parametrize(
    ("old", "new", "call"),
    [
        ("a", "a, b=1", "f(1)"),
        ("a, b=1", "a", "f(1)"),
        ("a, b=1", "a, *, b=1", "f(1, b=2)"),
        ("a, b", "b, a", "f(b=1, a=2)"),
        ("a, b=1, c=2", "a, c=2, b=1", "f(1)"),
        ("a", "*, a", "f(a=1)"),
        ("a, b=1", "a, b=2", "f(1, 3)"),
        ("a", "a, **kwargs", "f(1)"),
    ],
)
def test_a_call_that_hands_over_the_same(old, new, call):
    node = statement(call).value
    assert signatures.is_same_call(function(old), function(new), node)


@pytest.mark.parametrize(
    ("old", "new", "call"),
    [
        ("a", "a, b", "f(1)"),
        ("a", "b", "f(1)"),
        ("a, b=1", "a, b=2", "f(1)"),
        ("a, b=1", "a", "f(1, b=2)"),
        ("a, b", "b, a", "f(1, 2)"),
        ("a", "a, b=1", "f(*a)"),
        ("a", "a, b", "f(**a)"),
        ("b", "a", "f(a=1)"),
    ],
)
def test_a_call_that_does_not(old, new, call):
    node = statement(call).value
    assert not signatures.is_same_call(function(old), function(new), node)


def test_own_function_and_decorators():
    node = statement("class A:\n    def f(self): ...\n    @a.b(1)\n    @c\n    def f(self, x): ...")
    found = signatures.own_function(node, "f")
    assert signatures.decorators(found) == {"b", "c"}
    assert signatures.own_function(node, "g") is None
    assert signatures.decorators(statement("a = 1")) == set()
    assert signatures.decorators(statement("@a[0](1)\n@(lambda f: f)\ndef f(): ...")) == {"a", ""}


@pytest.mark.parametrize(
    ("old", "new", "is_same"),
    [
        ("a, b=1", "a, b=1, c=2", True),
        ("a, b=1", "a, c=2, b=1", True),
        ("a", "a, b", False),
        ("a, b=1", "a", False),
        ("a, b=1", "a, b=2", False),
    ],
)
def test_a_call_with_any_names(old, new, is_same):
    """Of `f(**options)` nobody knows which names it hands over: all must mean the same."""
    call = statement("f(**options)").value
    assert signatures.is_same_call(function(old), function(new), call) == is_same


def test_short_signatures_are_shown_whole():
    assert signatures.difference(function("a"), function("a, b=1")) == "(a) → (a, b=1)"


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("x=0", "y=1", "loses x=0; gains y=1"),
        ("x=0", "x=1", "loses x=0; gains x=1"),
        ("x=0", "x=0, y=1", "gains y=1"),
        ("x=0, y=1", "y=1, x=0", "has another order"),
    ],
)
def test_of_long_signatures_the_difference_is_shown(old, new, shown):
    many = ", ".join(f"parameter_{number}=None" for number in range(10))
    assert signatures.difference(function(f"{many}, {old}"), function(f"{many}, {new}")) == shown
