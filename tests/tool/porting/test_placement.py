"""Whether the lines of a carried patch landed where they were before."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from specroll.errors import PatchError
from specroll.porting import placement
from specroll.stack.patch import Patch

from testing.small_project import make_patch

OLD = """\
class Engine:
    def start(self):
        self.ready = True

    def step(self):
        begin()
        return work()


def stop():
    return None
"""


def moves(old, new):
    """The findings for a patch that leads from one text to another, in either release."""
    sides = []
    for before, after in (old, new):
        text = make_patch("[bugfix] X", before, after)
        read = {path: data.encode() for path, data in before.items()}.get
        sides += [Patch.parse("0001-bugfix-x.patch", text.encode(), "alpha"), read]
    return [finding.sentence for finding in placement.moves(*sides, "2.0")]


def moves_in(old_before, old_after, new_before, new_after, path="alpha/x.py"):
    return moves(({path: old_before}, {path: old_after}), ({path: new_before}, {path: new_after}))


HOOK = "        hook(self)\n"


def hooked(text, after, hook=HOOK):
    """The text with a hook after one of its lines."""
    assert text.count(after) == 1
    return text.replace(after, after + hook)


def test_the_same_functions():
    new = OLD.replace("def stop", "def other():\n    hook(None)\n\n\ndef stop")
    assert moves_in(OLD, hooked(OLD, "begin()\n"), new, hooked(new, "begin()\n")) == []


def test_another_indentation_is_the_same_line():
    new = OLD.replace("        begin()\n", "        if self.ready:\n            begin()\n")
    carried = hooked(new, "            begin()\n", f"    {HOOK}")
    assert moves_in(OLD, hooked(OLD, "begin()\n"), new, carried) == []


def test_a_block_in_another_function():
    new = OLD.replace("True\n", "begin()\n")
    block = f"{HOOK}        if a:\n            return b\n"
    old = hooked(OLD, "        begin()\n", block)
    assert moves_in(OLD, old, new, hooked(new, "ready = begin()\n", block)) == [
        "3 lines (`hook(self)`) moved from Engine.step to Engine.start of alpha/x.py in 2.0"
    ]


def test_a_removed_line_in_another_function():
    old = OLD.replace("        begin()\n", "")
    new = OLD.replace("        begin()\n", "").replace("True\n", "True\n        begin()\n")
    assert moves_in(OLD, old, new, new.replace("        begin()\n", "")) == [
        "1 line (`begin()`) moved from Engine.step to Engine.start of alpha/x.py in 2.0"
    ]


def test_a_renamed_function_and_the_module_level():
    new = OLD.replace("step", "advance")
    assert moves_in(OLD, hooked(OLD, "begin()\n"), new, hooked(new, "begin()\n")) == [
        "1 line (`hook(self)`) moved from Engine.step to Engine.advance of alpha/x.py in 2.0"
    ]
    after = hooked(OLD, "return None\n", "\n\nhook(self)\n")
    assert moves_in(OLD, hooked(OLD, "begin()\n"), OLD, after) == [
        "1 line (`hook(self)`) moved from Engine.step to the module level of alpha/x.py in 2.0"
    ]


def test_a_renamed_file():
    old = ({"alpha/x.py": OLD}, {"alpha/x.py": hooked(OLD, "begin()\n")})
    new = ({"alpha/y.py": OLD}, {"alpha/y.py": hooked(OLD, "begin()\n")})
    assert moves(old, new) == [
        "1 line (`hook(self)`) landed in Engine.step of alpha/y.py in 2.0, which the patch did not"
        " touch before"
    ]


def test_a_new_text_counts_only_where_the_patch_changed_nothing():
    old = hooked(OLD, "begin()\n")
    adapted = hooked(OLD, "begin()\n", "        hook(self, more)\n")
    assert moves_in(OLD, old, OLD, adapted) == []
    assert moves_in(OLD, old, OLD, hooked(adapted, "True\n", "        other()\n")) == [
        "1 line (`other()`) landed in Engine.start of alpha/x.py in 2.0, which the patch did not"
        " touch before"
    ]


def test_a_line_that_moved_and_one_more():
    twice = hooked(hooked(OLD, "True\n"), "None\n", "    hook(self)\n")
    assert moves_in(OLD, hooked(OLD, "begin()\n"), OLD, twice) == [
        "1 line (`hook(self)`) moved from Engine.step to Engine.start of alpha/x.py in 2.0",
        "1 line (`hook(self)`) landed in stop of alpha/x.py in 2.0, which the patch did not touch"
        " before",
    ]


def test_a_line_that_is_gone_has_not_moved():
    both = hooked(hooked(OLD, "begin()\n"), "True\n", "        other()\n")
    assert moves_in(OLD, both, OLD, hooked(OLD, "begin()\n")) == []


def test_lines_without_a_word_say_nothing():
    old = hooked(OLD, "begin()\n", "        hook(\n        )\n\n")
    new = hooked(OLD, "begin()\n", "        hook(\n            None)\n\n")
    assert moves_in(OLD, old, OLD, hooked(new, "stop():\n", "    (\n    )\n\n")) == []


def test_a_comment_at_the_end_of_a_function_stays_in_it():
    new = OLD.replace("work()\n", "work()\n        more()\n")
    note = "        # note\n"
    assert moves_in(OLD, hooked(OLD, "work()\n", note), new, hooked(new, "work()\n", note)) == []


def test_a_long_line_is_cut():
    long = f"        {'x' * 80}\n"
    (found,) = moves_in(OLD, hooked(OLD, "begin()\n", long), OLD, hooked(OLD, "True\n", long))
    assert f"(`{'x' * 50}…`)" in found


def test_of_other_files_only_the_path_counts():
    old, new = {"alpha/x.md": "one\n"}, {"alpha/y.md": "one\n"}
    assert moves((old, {"alpha/x.md": "One\n"}), (old, {"alpha/x.md": "Two\n"})) == []
    assert moves((old, {"alpha/x.md": "One\n"}), (new, {"alpha/y.md": "One\n"})) == [
        "2 lines (`one`) landed in alpha/y.md in 2.0, which the patch did not touch before"
    ]


def test_created_and_deleted_files():
    created = ({}, {"alpha/x.py": OLD})
    assert moves(created, created) == []
    deleted = ({"alpha/x.py": OLD}, {"alpha/x.py": None})
    assert moves(deleted, deleted) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (OLD, "(\n" + OLD, "alpha/x.py of 2.0 after the patch does not parse with Python"),
        ("(\n" + OLD, OLD, "alpha/x.py of the old release after the patch does not parse with"),
    ],
)
def test_a_file_that_does_not_parse_cannot_be_checked(old, new, fault):
    (found,) = moves_in(old, hooked(old, "begin()\n"), new, hooked(new, "begin()\n"))
    start = "Where lines of alpha/x.py landed in 2.0 cannot be checked: "
    assert found.startswith(start + fault)


def test_a_file_before_the_patch_that_does_not_parse():
    broken = OLD.replace("begin()", "begin(")
    (found,) = moves_in(OLD, hooked(OLD, "True\n"), broken, OLD)
    assert "alpha/x.py of 2.0 before the patch does not parse" in found


def test_files_that_are_not_those_of_the_patch():
    text = make_patch("[bugfix] X", {"alpha/x.py": OLD}, {"alpha/x.py": hooked(OLD, "begin()\n")})
    patch = Patch.parse("0001-bugfix-x.patch", text.encode(), "alpha")
    with pytest.raises(PatchError, match=r"alpha/x\.py does not exist"):
        list(placement.moves(patch, {}.get, patch, {}.get, "2.0"))


@st.composite
def modules(draw):
    """Functions and methods, each a list of lines; no line is there twice."""
    number = draw(st.integers(2, 6))
    return [
        (
            f"f{index}",
            draw(st.booleans()),
            [f"v{index}_{line} = {line}" for line in range(draw(st.integers(1, 4)))],
        )
        for index in range(number)
    ]


def rendered(functions):
    """The text of a module with these functions, some of them methods of a class of their own."""
    text = ""
    for name, is_method, lines in functions:
        indent = "    " if is_method else ""
        text += f"class C{name}:\n" if is_method else ""
        text += f"{indent}def {name}():\n"
        text += "".join(f"{indent}    {line}\n" for line in lines) + "\n\n"
    return text


def with_block(functions, name, position):
    block = ["if hook():", "    return early", "other(  # why", ")"]
    return [
        (each, is_method, lines[:position] + block + lines[position:] if each == name else lines)
        for each, is_method, lines in functions
    ]


@st.composite
def carried(draw):
    """A module, the same with unrelated functions among the others, and a place in one of them."""
    old = draw(modules())
    name, _, lines = draw(st.sampled_from(old))
    position = draw(st.integers(0, len(lines)))
    new = list(old)
    for index in range(draw(st.integers(0, 4))):
        body = [f"u{index}_{line} = {line}" for line in range(draw(st.integers(1, 4)))]
        new.insert(draw(st.integers(0, len(new))), (f"u{index}", draw(st.booleans()), body))
    return old, new, name, position


@given(case=carried())
@settings(max_examples=60, deadline=None)
def test_unrelated_functions_move_nothing(case):
    old, new, name, position = case
    sides = [[each, with_block(each, name, position)] for each in (old, new)]
    assert moves_in(*(rendered(each) for side in sides for each in side)) == []


@given(case=carried(), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_block_in_another_function_is_always_told(case, data):
    old, new, name, position = case
    other = data.draw(st.sampled_from([each for each, _, _ in new if each != name]))
    sides = [old, with_block(old, name, position), new, with_block(new, other, 0)]
    (found,) = moves_in(*map(rendered, sides))
    assert found.startswith("3 lines (`if hook():`) moved from ")
    assert f"{name} to " in found
    assert f"{other} of alpha/x.py" in found
