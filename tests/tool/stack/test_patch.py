"""Reading patches strictly, and applying them byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from specroll.errors import DriftError, PatchError
from specroll.stack.patch import Patch

GOOD = """\
diff --git a/alpha/core.py b/alpha/core.py
index 1111111..2222222 100644
--- a/alpha/core.py
+++ b/alpha/core.py
@@ -1,3 +1,3 @@
 one
-two
+TWO
 three
"""


def parse(text: str) -> Patch:
    return Patch.parse("0001-bugfix-x.patch", text.encode("latin-1"), "alpha")


def apply(text: str, before: bytes | None) -> bytes | None:
    (_, after), *_ = parse(text).apply(lambda path: before)
    return after


def test_replaces_the_stated_lines():
    assert apply(GOOD, b"one\ntwo\nthree\nfour\n") == b"one\nTWO\nthree\nfour\n"


def test_bytes_that_are_no_text_survive():
    text = GOOD.replace("three", "thr\xff\x85\x0cee")
    assert apply(text, b"one\ntwo\nthr\xff\x85\x0cee\n") == b"one\nTWO\nthr\xff\x85\x0cee\n"


def test_a_lone_carriage_return_is_no_line_break():
    before = b"one\ntwo\nthree\nfo\rur\n"
    assert apply(GOOD, before) == b"one\nTWO\nthree\nfo\rur\n"
    moved = GOOD.replace("@@ -1,3 +1,3 @@", "@@ -2,3 +2,3 @@")
    assert apply(moved, b"ze\rro\n" + before) == b"ze\rro\none\nTWO\nthree\nfo\rur\n"


def test_a_hunk_knows_which_lines_it_changes():
    lines = " a\n+b\n-c\n-d\n e\n-f\n\\ No newline at end of file\n+f\n"
    (file,) = parse(f"{GOOD.partition('@@')[0]}@@ -1,5 +1,4 @@\n{lines}").files
    (hunk,) = file.hunks
    assert [hunk.source[number] for number in hunk.removed] == [b"c\n", b"d\n", b"f"]
    assert [hunk.target[number] for number in hunk.added] == [b"b\n", b"f\n"]


NO_NEWLINE = "\\ No newline at end of file\n"


@pytest.mark.parametrize(
    ("lines", "before", "after"),
    [
        (f"-a\n+b\n{NO_NEWLINE}", b"a\n", b"b"),
        (f"-a\n{NO_NEWLINE}+b\n", b"a", b"b\n"),
        (f"-a\n{NO_NEWLINE}+b\n{NO_NEWLINE}", b"a", b"b"),
    ],
)
def test_missing_last_line_break(lines, before, after):
    head = GOOD.partition("@@")[0]
    assert apply(f"{head}@@ -1 +1 @@\n{lines}", before) == after


def test_context_without_last_line_break():
    head = GOOD.partition("@@")[0]
    assert apply(f"{head}@@ -1,2 +1,2 @@\n-a\n+b\n c\n{NO_NEWLINE}", b"a\nc") == b"b\nc"


def test_empty_files_are_created_and_deleted():
    created = "diff --git a/alpha/e.py b/alpha/e.py\nnew file mode 100644\nindex 000..e69\n"
    assert apply(created, None) == b""
    deleted = created.replace("new", "deleted")
    assert apply(deleted, b"") is None


@pytest.mark.parametrize(
    ("before", "error", "message"),
    [
        (b"zero\none\ntwo\nthree\n", PatchError, "does not hold the lines of hunk 1"),
        (b"one\ntwo \nthree\n", PatchError, "does not hold the lines of hunk 1"),
        (b"one\ntwo\n", PatchError, "does not hold the lines of hunk 1"),
        (b"one\r\ntwo\r\nthree\r\n", DriftError, "Windows line endings"),
        (None, PatchError, "does not exist"),
    ],
    ids=["offset", "fuzz", "short", "crlf", "missing"],
)
def test_bytes_that_do_not_match(before, error, message):
    with pytest.raises(error, match=message):
        apply(GOOD, before)


def test_second_hunk_at_a_wrong_target_line():
    text = GOOD + "@@ -5,1 +6,1 @@\n-five\n+FIVE\n"
    with pytest.raises(PatchError, match="hunk 2 at the line that it states"):
        apply(text, b"one\ntwo\nthree\nfour\nfive\n")


def test_overlapping_hunks():
    text = GOOD + "@@ -3,1 +3,1 @@\n-three\n+THREE\n"
    with pytest.raises(PatchError, match="hunk 2"):
        apply(text, b"one\ntwo\nthree\n")


def test_created_file_exists(make):
    with pytest.raises(PatchError, match="exists already"):
        apply(make.diff("alpha/new.py", None, "a\n"), b"")


def test_deleted_file_is_longer(make):
    with pytest.raises(PatchError, match="longer than what the patch deletes"):
        apply(make.diff("alpha/old.py", "a\n", None), b"a\nb\n")


REFUSED = {
    "no diff": ("Subject: x\n\n---\n", "holds no `diff --git`"),
    "headless": (GOOD.partition("\n")[2] + GOOD, "holds a diff without its line `diff --git`"),
    "other source": (GOOD.replace("--- a/alpha/core", "--- a/alpha/x"), "names another file"),
    "other target": (GOOD.replace("+++ b/alpha/core", "+++ b/alpha/x"), "Target without source"),
    "no hunk": (GOOD.partition("---")[0], "changes nothing in alpha/core.py"),
    "other head": (GOOD.replace("diff --git a/alpha/core", "diff --git a/alpha/x"), "another file"),
    "crlf": (GOOD.replace("\n", "\r\n"), "Windows line endings"),
    "not utf-8": ("Subject: \xff\n" + GOOD, "is malformed"),
    "short hunk": (GOOD.replace(" three\n", ""), "is malformed"),
    "outside": (GOOD.replace("alpha/core", "beta/core"), "outside of alpha/"),
    "parent": (GOOD.replace("alpha/core", "alpha/../../core"), "leaves the tree"),
    "absolute": (GOOD.replace("a/alpha/core", "a//etc/core").replace("b/alpha/core", "b//etc/core"),
                 "is absolute"),
    "not plain": (GOOD.replace("alpha/core", "alpha/./core"), "is not in its plain form"),
    "backslash": (GOOD.replace("alpha/core", "alpha\\core"), "backslash"),
    "quoted": (GOOD.replace("a/alpha/core.py b/alpha/core.py", '"a/alpha/\\303" "b/alpha/\\303"')
               .replace("--- a/alpha/core.py\n+++ b/alpha/core.py",
                        '--- "a/alpha/\\303"\n+++ "b/alpha/\\303"'), "is quoted"),
    "rename": (GOOD.replace("b/alpha/core", "b/alpha/other"), "renames"),
    "rename header": (GOOD.replace("index", "similarity index 90%\nindex"), "not a change"),
    "symlink": (GOOD.replace("index 1111111..2222222 100644", "new file mode 120000"), "not a "),
    "mode": (GOOD.replace("index", "old mode 100644\nnew mode 100755\nindex"), "not a change"),
    "submodule": (GOOD.replace("100644", "160000"), "not a change of a text file"),
    "binary": (GOOD.partition("---")[0] + "GIT binary patch\nliteral 1\nIcmZ\n", "not a |no hunk"),
    "differ": (GOOD.partition("---")[0] + "Binary files a/alpha/x and b/alpha/x differ\n", "not"),
    "stray line": (GOOD + "+four\n", "belong to no hunk"),
    "signature": (GOOD + "-- \n2.39.5\n", "is malformed|belong to no hunk"),
    "cut off early": (GOOD[:20], "lacks its last line break"),
    "cut off": (GOOD.removesuffix("\n"), "lacks its last line break"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    text, message = REFUSED[name]
    with pytest.raises(PatchError, match=message):
        parse(text)


def test_file_is_named_with_its_place(tmp_path):
    path = tmp_path / "0001-bugfix-x.patch"
    with pytest.raises(PatchError, match=rf"{path} cannot be read"):
        Patch.load(path.parent, path.name)
    path.write_text("nothing")
    with pytest.raises(PatchError, match=rf"{path} holds no `diff --git`; correct the patch"):
        Patch.load(path.parent, path.name)


TEXTS = st.lists(st.sampled_from(["a", "b", "", "-- x", "@@ -1 +1 @@"]), max_size=12).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


@given(before=TEXTS, after=TEXTS)
def test_any_change_of_lines_arrives(before, after):
    import difflib

    if before == after:
        return
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), "a/alpha/x", "b/alpha/x"
    )
    text = "diff --git a/alpha/x b/alpha/x\n" + "".join(lines)
    assert apply(text, before.encode()) == after.encode()
