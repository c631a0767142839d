"""What the overlay takes for granted of upstream, between two releases."""

import pytest
from specroll.porting import upstream_names
from specroll.porting.release import Release


def release(name, files):
    return Release(name, {path: text.encode() for path, text in files.items()}.get)


def changes(ours, old, new):
    """The findings for overlay files, the text of one being that of p/ours.py."""
    overlay = {"p/ours.py": ours} if isinstance(ours, str) else ours
    overlay = {path: text.encode() for path, text in overlay.items()}
    releases = [
        release(name, {"p/x.py": files} if isinstance(files, str) else files)
        for name, files in (("1.0", old), ("2.0", new))
    ]
    found = upstream_names.changes(overlay, *releases, {"p"})
    return [finding.sentence for finding in found]


IMPORT = "from p.x import f\n"

GONE = {
    "name": (IMPORT, "def f(): ...", "", "imports p.x.f, which is gone in 2.0"),
    "module": (IMPORT, "def f(): ...", {},
               "imports p.x.f, which is gone: 2.0 has no module p.x"),
    "plain import": ("import p.x\n", "", {},
                     "imports p.x, which is gone: 2.0 has no module p.x"),
    "star": ("from p.x import *\n", "", {}, "imports p.x, which is gone: 2.0 has no module p.x"),
    "relative": ("from .x import f\n", "f = 1", "", "imports p.x.f, which is gone in 2.0"),
    "type checking": ("if TYPE_CHECKING: from p.x import f\n", "class f: ...", "",
                      "imports p.x.f, which is gone in 2.0"),
    "in a function": ("def g(): from p.x import f\n", "f = 1", "",
                      "imports p.x.f, which is gone in 2.0"),
    "out of reach": (IMPORT, "def f(): ...", "from elsewhere import f",
                     "imports p.x.f, which cannot be followed in 2.0"),
}  # fmt: skip


@pytest.mark.parametrize("name", GONE)
def test_a_name_that_is_gone(name):
    ours, old, new, text = GONE[name]
    assert changes(ours, old, new) == [f"p/ours.py:1 {text}"]


@pytest.mark.parametrize(
    ("ours", "old", "name"),
    [
        ("import p.x as z\nz.f.g\n", "f = 1", "f"),
        ("from p import x\nx.f(1)[2]\n", "def f(): ...", "f"),
        ("from p.x import A\nA.f\n", "class A:\n    f = 1", "A.f"),
    ],
    ids=["alias", "module", "class"],
)
def test_an_attribute_that_is_gone(ours, old, name):
    verb = "calls" if "(" in ours else "uses"
    text = f"{verb} p.x.{name}, which is gone in 2.0"
    assert changes(ours, old, "class A: ...") == [f"p/ours.py:2 {text}"]


def test_an_attribute_of_an_annotated_parameter_that_is_gone():
    ours = "from p.x import A\ndef g(a: A): a.size, a.other\n"
    old = "class A:\n    def __init__(self): self.size = 1\n"
    assert changes(ours, old, "class A: ...") == [
        "p/ours.py:2 uses p.x.A.size, which is gone in 2.0"
    ]


def test_a_file_of_the_new_release_that_does_not_parse():
    (found,) = changes(IMPORT, "def f(): ...", "(")
    start = "p/ours.py:1 imports p.x.f, which cannot be followed: p/x.py of 2.0 does not parse"
    assert found.startswith(start)


def test_an_overlay_file_that_does_not_parse():
    (found,) = changes("(", "", "")
    start = "Upstream names in p/ours.py cannot be checked: p/ours.py does not parse with Python"
    assert found.startswith(start)


def test_what_is_gone_is_told_once():
    ours = f"{IMPORT}f(1)\nf.a\nimport p.x\np.x.f(2)\ndef g():\n    from p.x import f\n    f()\n"
    assert changes(ours, "def f(): ...", "") == ["p/ours.py:1 imports p.x.f, which is gone in 2.0"]
    assert changes("import p.x\np.x.f()\nfrom p.x import f\n", "def f(): ...", {}) == [
        "p/ours.py:1 imports p.x, which is gone: 2.0 has no module p.x"
    ]


def test_a_re_exported_name_is_followed():
    old = {"p/__init__.py": "from .x import *", "p/x.py": "from .y import f", "p/y.py": "f = 1"}
    assert changes("from p import f\n", old, {**old, "p/z.py": "f = 1", "p/y.py": ""}) == [
        "p/ours.py:1 imports p.f, which is gone in 2.0"
    ]
    moved = {"p/__init__.py": "from .z import f", "p/z.py": "f = 1"}
    assert changes("from p import f\n", old, moved) == []


QUIET = {
    "the same": (f"{IMPORT}f(1)\n", "def f(a): ...", "def f(a):\n    return 1"),
    "annotations": (f"{IMPORT}f(1)\n", "def f(a): ...", "def f(a: int) -> int: ..."),
    "not to be followed": ("import q\nfrom p.x import g, T\nfrom p.y import h\ng(h)\n",
                           "from torch import T", ""),
    "new": (IMPORT, "", "def f(): ..."),
    "a call that stays the same": (f"{IMPORT}f(1)\nf(a=1)\n", "def f(a): ...",
                                   "def f(a, b=1): ..."),
    "a class that is only named": ("from p.x import A\ndef f(a: A) -> A: isinstance(a, A)\n",
                                   "class A:\n    a: int", "class A:\n    b: int"),
    "a local name": ("import p.x as z\ndef f(z): z.f(1)\n", "def f(a): ...", ""),
    "a value": ("from p.x import a\nprint(a)\n", "a = 1", "a: int = 2"),
    "a value that became a property": (
        "from p.x import A\nclass B(A):\n    def f(self): self.a\n",
        "class A:\n    a = 1", "class A:\n    @property\n    def a(self): ..."),
    "what both conditions define": (
        f"{IMPORT}f(*a)\n", "if a:\n    def f(a): ...\nelse:\n    def f(b): ...",
        "if a:\n    def f(b): ...\nelse:\n    def f(a): ..."),
}  # fmt: skip


@pytest.mark.parametrize("name", QUIET)
def test_what_is_not_told(name):
    assert changes(*QUIET[name]) == []


CHANGED = {
    "one more": ("f(1)", "def f(a): ...", "def f(a, b): ...", "calls", "(a) → (a, b)"),
    "another default": ("f()", "def f(a=1): ...", "def f(a=2): ...", "calls", "(a=1) → (a=2)"),
    "a callback": ("g(f)", "def f(a): ...", "def f(a, b=1): ...", "uses", "(a) → (a, b=1)"),
    "unpacked": ("f(*a)", "def f(a): ...", "def f(a, b=1): ...", "calls", "(a) → (a, b=1)"),
    "a class": ("f(1)", "class f:\n    def __init__(self, a): ...",
                "class f:\n    def __init__(self): ...", "calls", "(a) → ()"),
    "fields": ("f(1)", "@d\nclass f:\n    a: int", "@d\nclass f:\n    b: int\n    a: int",
               "calls", "(a) → (b, a)"),
    "inherited": ("f(1)", "class B:\n    def __init__(self, a): ...\nclass f(B): ...",
                  "class B:\n    def __init__(self, b): ...\nclass f(B): ...",
                  "calls", "(a) → (b)"),
    "no more known": ("f(1)", "class f:\n    def __init__(self, a): ...",
                      "class f(torch.nn.Module): ...", "calls", "(a) → (…)"),
    "two of them": ("f(1)", "if a:\n    def f(a): ...\nelse:\n    def f(b): ...",
                    "def f(a): ...", "calls", "(a) or (b) → (a)"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_a_name_that_takes_something_else(name):
    call, old, new, verb, change = CHANGED[name]
    assert changes(f"{IMPORT}{call}\n", old, new) == [
        f"p/ours.py:2 {verb} p.x.f, which takes something else in 2.0: {change}"
    ]


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("def f(): ...", "async def f(): ...", "function → async function"),
        ("def f(): ...", "class f: ...", "function → class"),
        ("if a:\n    f = 1\nelse:\n    def f(): ...", "f = 1", "value or function → value"),
    ],
)
def test_a_name_that_is_something_else(old, new, change):
    assert changes(f"{IMPORT}f()\n", old, new) == [
        f"p/ours.py:2 calls p.x.f, which is something else in 2.0: {change}"
    ]


def test_the_first_call_that_a_change_matters_to_is_named():
    found = changes(f"{IMPORT}f(1)\nf(*b)\nf(*c)\n", "def f(a): ...", "def f(a, b=1): ...")
    assert found == ["p/ours.py:3 calls p.x.f, which takes something else in 2.0: (a) → (a, b=1)"]


def test_names_of_the_overlay_are_not_upstream_s():
    ours = {
        "p/ours.py": "from p.more import f, g\nf(1)\ng(*a)\nfrom p import more\n",
        "p/more.py": "from p.x import g\ndef f(): ...\n",
        "p/data.txt": "(",
    }
    old = {"p/x.py": "def g(a): ...", "p/more.py": "def f(a): ..."}
    assert changes(ours, old, {"p/x.py": "def g(b): ..."}) == [
        "p/ours.py:3 calls p.x.g, which takes something else in 2.0: (a) → (b)"
    ]
    assert changes(ours, old, {"p/x.py": ""}) == ["p/more.py:1 imports p.x.g, which is gone in 2.0"]


SUBCLASS = """\
from p.x import A
class Own(A):
    def run(self, a):
        return self.help(a) + super().run(a) + self.size
"""
BASE = """\
class Root:
    def help(self, a): ...
    def __init__(self):
        self.size = 1
class A(Root):
    def run(self, a): ...
"""


def test_a_subclass_of_a_class_that_stays():
    assert (
        changes(SUBCLASS, BASE, BASE.replace("def run", "def other(self): ...\n    def run")) == []
    )


MEMBERS = {
    "gone method": ("def run", "def went", "3 overrides p.x.A.run, which is gone in 2.0"),
    "gone helper": ("def help", "def went", "4 calls p.x.Root.help, which is gone in 2.0"),
    "gone attribute": ("self.size", "self.went", "4 uses p.x.Root.size, which is gone in 2.0"),
    "override": ("run(self, a)", "run(self, a, b=1)",
                 "3 overrides p.x.A.run, which takes something else in 2.0: (a) → (a, b=1)"),
    "kind": ("def run", "async def run",
             "3 overrides p.x.A.run, which is something else in 2.0: method → async method"),
    "helper": ("help(self, a)", "help(self, a, b)",
               "4 calls p.x.Root.help, which takes something else in 2.0: (a) → (a, b)"),
    "base": ("class A", "class B", "1 imports p.x.A, which is gone in 2.0"),
}  # fmt: skip


@pytest.mark.parametrize("name", MEMBERS)
def test_members_of_an_upstream_base(name):
    old, new, text = MEMBERS[name]
    assert changes(SUBCLASS, BASE, BASE.replace(old, new)) == [f"p/ours.py:{text}"]


def test_what_the_overlay_s_class_has_itself():
    ours = """\
from p.x import A
class Own(A):
    def help(self): self.size = 2
    def other(self): return self.help() + self.size
"""
    new = BASE.replace("self.size = 1", "pass").replace("help(self, a)", "help(self, b)")
    assert changes(ours, BASE, new) == [
        "p/ours.py:3 overrides p.x.Root.help, which takes something else in 2.0: (a) → (b)"
    ]


def test_a_subclass_through_the_overlay():
    """What the class between overrides is that class's affair."""
    more = SUBCLASS.replace("p.x import A", "p.ours import Own").replace("Own(A)", "More(Own)")
    ours = {"p/ours.py": SUBCLASS, "p/more.py": more}
    assert changes(ours, BASE, BASE.replace("run(self, a)", "run(self, b)")) == [
        "p/ours.py:3 overrides p.x.A.run, which takes something else in 2.0: (a) → (b)"
    ]


def test_a_method_that_upstream_has_too_now():
    ours = "from p.x import A\nclass Own(A):\n    def step(self): ...\n    def __len__(self): ...\n"
    new = f"{BASE}    def step(self): ...\n    def __len__(self): ...\n"
    assert changes(ours, BASE, new) == [
        "p/ours.py:3 defines Own.step, which overrides p.x.A.step, new in 2.0"
    ]


def test_a_method_that_has_to_be_defined_now():
    new = f"{BASE}    @abstractmethod\n    def step(self): ...\n"
    assert changes(SUBCLASS, BASE, new) == [
        "p/ours.py:2 does not define p.x.A.step, which is abstract in 2.0"
    ]
    assert changes(SUBCLASS, new, new) == []
    assert changes(f"{SUBCLASS}    def run2(self): ...\n    step = None\n", BASE, new) == []


def test_of_a_base_that_is_new_nothing_is_told():
    new = f"{BASE}    @abstractmethod\n    def step(self): ...\n"
    assert changes(SUBCLASS, "", new) == []


def test_findings_come_in_the_order_of_lines():
    ours = f"{SUBCLASS}from p.x import f\nf(1)\nimport p.y\n"
    old, new = f"{BASE}def f(a): ...\n", f"{BASE.replace('def help', 'def went')}def f(): ...\n"
    found = changes(ours, {"p/x.py": old, "p/y.py": ""}, new)
    assert [sentence.partition(" ")[0] for sentence in found] == [
        "p/ours.py:4",
        "p/ours.py:6",
        "p/ours.py:7",
    ]


@pytest.mark.parametrize(
    ("path", "there", "sentence"),
    [
        ("p/a.py", "p/a.py", "p/a.py of the overlay exists upstream in 2.0"),
        ("p/a.py", "p/a/__init__.py", "p/a.py of the overlay is the module p/a/__init__.py in 2.0"),
        ("p/a/__init__.py", "p/a.py", "p/a/__init__.py of the overlay is the module p/a.py in 2.0"),
        ("p/a.txt", "p/a.txt", "p/a.txt of the overlay exists upstream in 2.0"),
        ("p/a.txt", "p/a.py", None),
        ("p/a.py", "p/b.py", None),
    ],
)
def test_an_overlay_file_whose_place_is_taken(path, there, sentence):
    found = upstream_names.taken([path], release("2.0", {there: ""}))
    assert [finding.sentence for finding in found] == ([sentence] if sentence else [])
