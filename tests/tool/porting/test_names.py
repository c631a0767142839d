"""Following names through modules, classes and their bases."""

import pytest
from specroll.porting.names import Names, Reference
from specroll.porting.release import Release, Source

FILES = {
    "p/__init__.py": """
from . import sub
from p.x import A
from .x import f as renamed
from p.stars import *
import p.x as x_of_p
import q.other
if TYPE_CHECKING:
    from .x import limit as checked
def __getattr__(name): ...
""",
    "p/x.py": """
from torch import Tensor
from p.circle import lost
def f(a): ...
class Base:
    fields: int = 1
    def method(self, a): ...
    @staticmethod
    def static(a): ...
    @classmethod
    async def made(cls, a): ...
    @property
    def read(self): ...
    def __init__(self, a, b=1):
        self.held = a
        self.held += 1
        (self.one, other.two) = a
class A(Base):
    def method(self, a, b): ...
limit = 1
alias = A
again = again
try:
    def either(a): ...
except ImportError:
    either = None
@overload
def many(a: int): ...
@overload
def many(a: str): ...
def many(a): ...
@overload
def only(a): ...
""",
    "p/circle.py": "from p.x import lost\n",
    "p/stars.py": "from .hidden import *\nfrom torch import *\n",
    "p/hidden.py": "starred = 1\n_private = 2\n",
    "p/sub/__init__.py": "from .deep import g\n",
    "p/sub/deep.py": "def g(): ...\n",
    "p/broken.py": "(\n",
    "p/classes.py": """
from dataclasses import dataclass
from p.x import Base
import p.x
@dataclass
class Data(Base):
    a: int
@dataclass
class More(Data, Generic[T]):
    b: int = 1
@register
class Plain(Base):
    c = 1
class Tuple(NamedTuple):
    a: int
class Unknown(torch.nn.Module): ...
class Diamond(Left, Right[int], make(), p.x.Missing): ...
class Left(Top): ...
class Right(Top):
    def f(self): ...
class Top:
    def f(self, a): ...
class Round(Round2): ...
class Round2(Round): ...
class Inner:
    class Deep:
        def __init__(self, z): ...
""",
}
OURS = {"p/ours.py": "from p.x import A\nclass Own(A):\n    def method(self): ...\n"}


@pytest.fixture
def names():
    files = {path: text.encode() for path, text in FILES.items()}
    ours = {path: Source.parse(path, text.encode()) for path, text in OURS.items()}
    return Names(Release("2.0", files.get), ours, {"p"})


def reference(text):
    module, _, rest = text.partition(":")
    return Reference(module, tuple(rest.split(".")) if rest else ())


def follow(names, text):
    return [str(thing.reference) for thing in names.follow(reference(text))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("p", ["p"]),
        ("p:A", ["p.x.A"]),
        ("p:renamed", ["p.x.f"]),
        ("p:sub", ["p.sub"]),
        ("p:sub.g", ["p.sub.deep.g"]),
        ("p:sub.deep.g", ["p.sub.deep.g"]),
        ("p:x.f", ["p.x.f"]),
        ("p:x_of_p.f", ["p.x.f"]),
        ("p:checked", ["p.x.limit"]),
        ("p:starred", ["p.hidden.starred"]),
        ("p:_private", []),
        ("p:q", []),
        ("p:dynamic", []),
        ("p.x:Tensor", []),
        ("p.x:lost", []),
        ("p.x:alias", ["p.x.A"]),
        ("p.x:again", ["p.x.again"]),
        ("p.x:either", ["p.x.either", "p.x.either"]),
        ("p.x:many", ["p.x.many"]),
        ("p.x:only", ["p.x.only"]),
        ("p.x:A.method", ["p.x.A.method"]),
        ("p.x:A.static", ["p.x.Base.static"]),
        ("p.x:A.fields", ["p.x.Base.fields"]),
        ("p.x:A.held", ["p.x.Base.held"]),
        ("p.x:A.one", ["p.x.Base.one"]),
        ("p.x:A.two", []),
        ("p.x:A.nothing", []),
        ("p.x:f.nothing", []),
        ("p.x:limit.nothing", []),
        ("p.ours:Own.static", ["p.x.Base.static"]),
        ("p.classes:Inner.Deep", ["p.classes.Inner.Deep"]),
        ("p.broken:a", []),
        ("p.nowhere", []),
        ("p.nowhere:a", []),
        ("torch:Tensor", []),
        ("torch", []),
    ],
)
def test_what_names_lead_to(names, text, found):
    assert follow(names, text) == found


@pytest.mark.parametrize(
    ("text", "kind", "signature"),
    [
        ("p.x", "module", None),
        ("p.x:limit", "value", None),
        ("p.x:A.held", "value", None),
        ("p.x:f", "function", "(a)"),
        ("p.x:A.method", "method", "(a, b)"),
        ("p.x:A.static", "static method", "(a)"),
        ("p.x:A.made", "async class method", "(a)"),
        ("p.x:A.read", "property", "()"),
        ("p.x:A", "class", "(a, b=1)"),
        ("p.classes:Data", "class", "(fields=1, a)"),
        ("p.classes:More", "class", "(fields=1, a, b=1)"),
        ("p.classes:Plain", "class", "(a, b=1)"),
        ("p.classes:Tuple", "class", "(a)"),
        ("p.classes:Unknown", "class", None),
        ("p.classes:Inner.Deep", "class", "(z)"),
    ],
)
def test_what_a_thing_is_and_takes(names, text, kind, signature):
    (thing,) = names.follow(reference(text))
    assert thing.kind == kind
    found = names.signature(thing)
    assert (found and str(found)) == signature


def test_the_order_of_base_classes(names):
    (thing,) = names.follow(reference("p.classes:Diamond"))
    line = names.line_above(thing.as_class)
    assert [each.reference.names[-1] for each in line] == ["Diamond", "Left", "Right", "Top"]
    (member,) = names.member(line, "f")
    assert str(member.reference) == "p.classes.Right.f"


def test_classes_in_a_circle(names):
    (thing,) = names.follow(reference("p.classes:Round"))
    line = names.line_above(thing.as_class)
    assert [each.reference.names[-1] for each in line] == ["Round", "Round2"]


def test_whose_a_thing_is(names):
    (own,) = names.follow(reference("p.ours:Own"))
    (base,) = names.follow(reference("p.x:A"))
    assert (names.is_upstreams(own), names.is_upstreams(base)) == (False, True)


@pytest.mark.parametrize(
    ("text", "loss"),
    [
        ("p.nowhere:a", "is gone: 2.0 has no module p.nowhere"),
        ("p.nowhere", "is gone: 2.0 has no module p.nowhere"),
        ("p.x:nothing", "is gone in 2.0"),
        ("p.x:A.nothing", "is gone in 2.0"),
        ("p.x:Tensor", "cannot be followed in 2.0"),
        ("p:dynamic", "cannot be followed in 2.0"),
        ("p.broken:a", "cannot be followed: p/broken.py of 2.0 does not parse with Python"),
    ],
)
def test_what_became_of_a_name(names, text, loss):
    assert names.loss(reference(text)).startswith(loss)
