"""Finding a definition by its qualified name, and comparing it between releases."""

import pytest
from specroll.porting.definitions import Definition
from specroll.porting.release import AbsentError, Release, UnparsableError

SOURCE = '''\
import os

GREEDY_TEMPERATURE = 0.0  # exactly
A, (B, *C) = 1, (2, 3)
NAMES: list[str] = []
NAMES += ["more"]
cache: dict[str, int]


@decorated
def outer(x):
    """Do it."""

    def inner():
        return x

    y = 1
    return inner


class Engine:
    FIELD: int = 3

    class Inner:
        LIMIT = 1

    if os.name == "posix":

        async def step(self):
            return 1
    else:

        async def step(self):
            return 2


try:
    fast = os.fast
except AttributeError:
    def fast(): ...
else:
    ready = True
finally:
    done = True

with open(os.devnull) as handle:
    text = handle.read()

for item in ():
    last = item
'''


def find(name, source=SOURCE):
    return Definition.find(Release("2.0", {"p/x.py": source.encode()}.get), "p/x.py", name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("GREEDY_TEMPERATURE", "GREEDY_TEMPERATURE = 0.0  # exactly\n"),
        ("B", "A, (B, *C) = 1, (2, 3)\n"),
        ("C", "A, (B, *C) = 1, (2, 3)\n"),
        ("NAMES", 'NAMES: list[str] = []\n\nNAMES += ["more"]\n'),
        ("cache", "cache: dict[str, int]\n"),
        ("outer.inner", "def inner():\n    return x\n"),
        ("outer.y", "y = 1\n"),
        ("Engine.FIELD", "FIELD: int = 3\n"),
        ("Engine.Inner", "class Inner:\n    LIMIT = 1\n"),
        ("Engine.Inner.LIMIT", "LIMIT = 1\n"),
        (
            "Engine.step",
            "async def step(self):\n    return 1\n\nasync def step(self):\n    return 2\n",
        ),
        ("fast", "fast = os.fast\n\ndef fast(): ...\n"),
        ("ready", "ready = True\n"),
        ("done", "done = True\n"),
        ("handle", "with open(os.devnull) as handle:\n    text = handle.read()\n"),
        ("text", "text = handle.read()\n"),
        ("item", "for item in ():\n    last = item\n"),
        ("last", "last = item\n"),
    ],
)
def test_a_definition_is_found_by_its_qualified_name(name, text):
    assert find(name).text == text


def test_decorators_belong_to_a_definition():
    assert find("outer").text.startswith("@decorated\ndef outer(x):\n")


@pytest.mark.parametrize("name", ["os", "inner", "Engine.x", "A.x", "outer.x", "x"])
def test_a_name_that_is_not_defined(name):
    with pytest.raises(AbsentError, match=rf"^p/x.py defines no {name} in 2.0$"):
        find(name)


def test_a_match_statement():
    assert find("a", "match b:\n    case 1:\n        a = 1\n").text == "a = 1\n"


def test_files_that_cannot_be_read():
    release = Release("2.0", {"p/bad.py": b"("}.get)
    with pytest.raises(AbsentError, match=r"p/x.py does not exist"):
        Definition.find(release, "p/x.py", "a")
    with pytest.raises(UnparsableError, match=r"p/bad.py of 2.0 does not parse"):
        Definition.find(release, "p/bad.py", "a")


SAME = {
    "comment": ("a = 1\n", "a = 1  # why\n"),
    "blank line": ("def a():\n    b\n    c\n", "def a():\n    b\n\n    c\n"),
    "formatting": ("def a(b, c): return (b,c)\n", "def a(\n    b,\n    c,\n):\n    return b, c\n"),
    "quotes": ("a = 'x' 'y'\n", 'a = "xy"\n'),
    "docstring": ('def a():\n    "One."\n    b\n', "def a():\n    b\n"),
    "inner docstring": ('class a:\n    def b():\n        "x"\n        c\n',
                        'class a:\n    def b():\n        "y"\n        c\n'),
    "field docstring": ('class a:\n    b: int = 1\n    "One."\n', "class a:\n    b: int = 1\n"),
    "place": ("a = 1\n", "import b\n\nif b:\n    a = 1\n"),
}  # fmt: skip
OTHER = {
    "value": ("a = 1\n", "a = 2\n"),
    "argument": ("def a(b): ...\n", "def a(b, c): ...\n"),
    "annotation": ("a: int = 1\n", "a: float = 1\n"),
    "decorator": ("def a(): b\n", "@c\ndef a(): b\n"),
    "one more": ("a = 1\n", "a = 1\nif b:\n    a = 2\n"),
    "text that is used": ("def a():\n    return 'x'\n", "def a():\n    return 'y'\n"),
}


@pytest.mark.parametrize("name", SAME)
def test_what_makes_no_difference(name):
    one, other = (find("a", source) for source in SAME[name])
    assert one.says_the_same(other)


@pytest.mark.parametrize("name", OTHER)
def test_what_makes_a_difference(name):
    one, other = (find("a", source) for source in OTHER[name])
    assert not one.says_the_same(other)


def test_comparing_leaves_the_definition_whole():
    """It is compared several times, and its tree is the release's."""
    definition = find("outer")
    assert definition.says_the_same(definition)
    assert not definition.says_the_same(find("outer", SOURCE.replace("return x", "return 1")))
    assert len(definition.nodes[0].body) == 4


def test_a_diff_shows_the_texts():
    diff = find("a", "def a():\n    b\n    c\n").diff(find("a", "def a():\n    b\n    d\n"))
    assert diff == (
        "--- 2.0/p/x.py:a\n+++ 2.0/p/x.py:a\n@@ -1,3 +1,3 @@\n def a():\n     b\n-    c\n+    d\n"
    )
