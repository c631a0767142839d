"""What a patch relies on is compared between two releases."""

import pytest
from specroll.porting import reliance
from specroll.porting.release import Release
from specroll.stack.header import Header

OLD = {"p/x.py": b"class A:\n    def f(self):\n        return 1\n\n\nLIMIT = 3\n"}


def changes(new, *names, old=OLD):
    trailers = "".join(f"Relies-On: {name}\n" for name in names)
    header = Header("[bugfix] X", f"Why.\n\n{trailers}".strip())
    return list(reliance.changes(header, Release("1.0", old.get), Release("2.0", new.get)))


def test_nothing_changed():
    new = {"p/x.py": b"# new\n" + OLD["p/x.py"]}
    assert changes(new, "p/x.py:A.f", "p/x.py:A", "p/x.py:LIMIT") == []
    assert changes({}) == []


def test_each_definition_that_differs_is_named_with_its_diff():
    new = {"p/x.py": OLD["p/x.py"].replace(b"return 1", b"return 2")}
    one, other = changes(new, "p/x.py:A.f", "p/x.py:LIMIT", "p/x.py:A")
    assert one.sentence == "p/x.py:A.f is not in 2.0 what it is in 1.0"
    assert one.diff.endswith(" def f(self):\n-    return 1\n+    return 2\n")
    assert other.sentence == "p/x.py:A is not in 2.0 what it is in 1.0"


@pytest.mark.parametrize(
    ("new", "sentence"),
    [
        ({}, "p/x.py:A.f is gone: p/x.py does not exist in 2.0"),
        ({"p/x.py": b"A = 1"}, "p/x.py:A.f is gone: p/x.py defines no A.f in 2.0"),
        ({"p/x.py": b"A ="}, "p/x.py:A.f cannot be compared: p/x.py of 2.0 does not parse with"),
    ],
    ids=["file", "name", "syntax"],
)
def test_what_the_new_release_lacks(new, sentence):
    (found,) = changes(new, "p/x.py:A.f")
    assert found.sentence.startswith(sentence)
    assert found.diff == ""


@pytest.mark.parametrize(
    ("old", "sentence"),
    [
        ({}, "p/x.py does not exist in 1.0"),
        ({"p/x.py": b"A = 1"}, "p/x.py defines no A.f in 1.0"),
        ({"p/x.py": b"A ="}, "p/x.py of 1.0 does not parse with"),
    ],
    ids=["file", "name", "syntax"],
)
def test_what_the_old_release_lacks(old, sentence):
    (found,) = changes(OLD, "p/x.py:A.f", old=old)
    start = "`Relies-On: p/x.py:A.f` cannot be compared: "
    assert found.sentence.startswith(start + sentence)
