"""What the added lines of a patch take for granted of upstream, between two releases."""

import pytest
from specroll.porting import added_names
from specroll.porting.names import Names
from specroll.porting.release import Release, Source
from specroll.stack.patch import Patch

from testing.small_project import make_patch

BASE = "class Base:\n    def run(self, a): ...\n"
CLASS = """\
from p.y import Base
class A(Base):
    def __init__(self):
        self.queue = []
    def step(self):
        pass
"""
OTHER = "def f(a): ...\n"
OVERLAY = {"p/ours.py": Source.parse("p/ours.py", b"def g(): ...\n")}


def changes(added, **changed):
    """The findings for lines that are added to `step`, where files of the new release differ."""
    old = {"p/x.py": CLASS, "p/y.py": BASE, "p/z.py": OTHER}
    new = old | {f"p/{name}.py": text for name, text in changed.items()}
    before = new["p/x.py"]
    lines = "".join(f"        {line}\n" for line in added)
    text = make_patch("[bugfix] X", new, {"p/x.py": before.replace("        pass\n", lines)})
    patch = Patch.parse("0001-bugfix-x.patch", text.encode(), "p")
    contents = [{path: text.encode() for path, text in files.items()} for files in (old, new)]
    names = [
        Names(Release(name, files.get), OVERLAY, {"p"})
        for name, files in zip(("1.0", "2.0"), contents, strict=True)
    ]
    return [each.sentence for each in added_names.changes(patch, contents[1].get, *names)]


IMPORT = ("from p.z import f", "f(1)")
CHANGED = {
    "an import": (IMPORT, {"z": ""}, "6 imports p.z.f, which is gone in 2.0"),
    "a call": (IMPORT, {"z": "def f(a, b): ...\n"},
               "7 calls p.z.f, which takes something else in 2.0: (a) → (a, b)"),
    "an attribute of the patched class": (
        ["if self.queue: return"], {"x": CLASS.replace("queue", "batches")},
        "6 uses p.x.A.queue, which is gone in 2.0"),
    "what the patched class inherits": (["self.run(1)"], {"y": "class Base: ...\n"},
                                        "6 calls p.y.Base.run, which is gone in 2.0"),
    "super": (["super().run(1)"], {"y": BASE.replace("run(self, a)", "run(self)")},
              "6 calls p.y.Base.run, which takes something else in 2.0: (a) → ()"),
    "a class that is added": (["class B(Base):", "    def g(self): return self.run(1)"],
                              {"y": "class Base: ...\n"},
                              "7 calls p.y.Base.run, which is gone in 2.0"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_what_has_changed(name):
    added, changed, said = CHANGED[name]
    assert changes(added) == []
    assert changes(added, **changed) == [f"p/x.py:{said}"]


def test_names_of_the_overlay_and_of_the_patch_itself():
    added = ["from p.ours import g", "g()", "self.own = 1", "self.own += 1"]
    assert changes(added, z="") == []


def test_lines_of_upstream_are_not_looked_at():
    uses = CLASS.replace("[]", "f(1)").replace("p.y import Base", "p.z import f")
    assert changes(["return"], x=uses, z="") == []


def test_a_file_that_does_not_parse():
    assert changes(["("]) == []
