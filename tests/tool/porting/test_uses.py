"""What a file imports, reads and calls, with the scopes of its names."""

from specroll.porting.release import Source
from specroll.porting.uses import Uses


def uses(text, path="p/x.py"):
    return Uses.of(path, Source.parse(path, text.encode()))


def names(text, path="p/x.py"):
    """Reads and calls, each as the line, what it leads to, and whether it is called."""
    found = uses(text, path).of_names
    return [
        (use.line, f"{use.reference}{'()' if use.call else ''}")
        for use in found
        if not use.is_import
    ]


def test_imports():
    text = """\
import a.b
import a.b as c, d
from a import e as f, g
from . import h
from .i import *
from ..j.k import l
def m():
    if TYPE_CHECKING:
        import n
    from o import q
"""
    found = [(use.line, str(use.reference)) for use in uses(text, "p/q/x.py").of_names]
    assert [each for each in found if each != (8, "p.q.x.TYPE_CHECKING")] == [
        (1, "a.b"),
        (2, "a.b"),
        (2, "d"),
        (3, "a.e"),
        (3, "a.g"),
        (4, "p.q.h"),
        (5, "p.q.i"),
        (6, "p.j.k.l"),
        (9, "n"),
        (10, "o.q"),
    ]


def test_an_init_is_in_its_package():
    assert [str(use.reference) for use in uses("from .a import b", "p/q/__init__.py").of_names] == [
        "p.q.a.b"
    ]


def test_names_of_the_module():
    text = "a\na.b.c\na.b(d, e=f)(g)\na.b = c\na = 1\na[0].b\n(a or b).c\n"
    assert names(text) == [
        (1, "p.x.a"),
        (2, "p.x.a.b.c"),
        (3, "p.x.a.b()"),
        (3, "p.x.d"),
        (3, "p.x.f"),
        (3, "p.x.g"),
        (4, "p.x.a"),
        (4, "p.x.c"),
        (6, "p.x.a"),
        (7, "p.x.a"),
        (7, "p.x.b"),
    ]


def test_what_a_function_binds_is_its_own():
    text = """\
def f(a, *b, c=d, **e):
    import g.h as i
    from j import k
    m = 1
    def n(): ...
    class o: ...
    (a, b, c, e, m, n, o)
    i.q(k, r)
    lambda s=t: (s, a, u)
    def v():
        w = 1
        k(w, a)
w
"""
    assert names(text) == [
        (1, "p.x.d"),
        (8, "g.h.q()"),
        (8, "j.k"),
        (8, "p.x.r"),
        (9, "p.x.t"),
        (9, "p.x.u"),
        (12, "j.k()"),
        (13, "p.x.w"),
    ]


def test_decorators_annotations_and_bases_are_read():
    text = "@a\nclass b(c.d, metaclass=e):\n    @f(g)\n    async def h(i: j, /) -> k: ...\n"
    assert names(text) == [
        (1, "p.x.a"),
        (2, "p.x.c.d"),
        (2, "p.x.e"),
        (3, "p.x.f()"),
        (3, "p.x.g"),
        (4, "p.x.j"),
        (4, "p.x.k"),
    ]


def test_attributes_of_annotated_parameters():
    text = """\
def f(a: B, c: d.E | None, *g: H, i: list[J], k: L = None, m: None | N, o: 'P'):
    a, c, a.q, a.r.s(), c.t, g.u, i.v, k.w, m.x, o.y
    k = 1
    def inner():
        a.z = 1
"""
    assert [each for each in names(text) if each[0] > 1] == [
        (2, "p.x.B.q"),
        (2, "p.x.B.r.s()"),
        (2, "p.x.d.E.t"),
        (2, "p.x.list.v"),
    ]


def members(text):
    return [
        (
            use.line,
            use.owner.node.name,
            f"{'super.' * use.is_of_super}{use.name}{'()' if use.call else ''}",
        )
        for use in uses(text).of_members
    ]


def test_what_is_asked_of_self():
    text = """\
class A(B, c.D, E[f], g()):
    def h(self, self2):
        self.i(self.j)
        self.k.l()
        self.m = self2.n
        super().o()
        super(A, self).q
        def inner():
            self.r
        def other(self):
            self.s
        class Z:
            def own(it):
                it.t(self.u)
                super().v()
        super().w
    if x:
        @classmethod
        def y(cls):
            cls.z()
    @staticmethod
    def aa(bb):
        bb.cc
    def dd(): ...
    lambda self: self.ee
def h(self):
    self.ff
super().gg()
"""
    assert members(text) == [
        (3, "A", "i()"),
        (3, "A", "j"),
        (4, "A", "k"),
        (6, "A", "super.o()"),
        (7, "A", "super.q"),
        (9, "A", "r"),
        (14, "Z", "t()"),
        (14, "A", "u"),
        (15, "Z", "super.v()"),
        (16, "A", "super.w"),
        (20, "A", "z()"),
    ]


def test_classes_and_their_bases():
    text = """\
class A(B, c.D, E[f], g()):
    class F(A): ...
def h(i):
    from j import K
    class L(K.M, i): ...
"""
    found = [(own.line, own.node.name, [*map(str, own.bases)]) for own in uses(text).classes]
    assert found == [
        (1, "A", ["p.x.B", "p.x.c.D", "p.x.E"]),
        (2, "F", ["p.x.A"]),
        (5, "L", ["j.K.M"]),
    ]
