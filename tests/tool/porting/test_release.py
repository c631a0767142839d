"""The files of a release are parsed once; what cannot be read is said in a sentence."""

import sys

import pytest
from specroll.porting.release import AbsentError, Release, Source, UnparsableError

PYTHON = ".".join(map(str, sys.version_info[:2]))


def test_a_file_is_read_and_parsed_once():
    asked = []
    release = Release("2.0", lambda path: asked.append(path) or b"a = 1\n")
    assert release.source("p/x.py") is release.source("p/x.py")
    assert asked == ["p/x.py"]
    assert release.has("p/y.py")
    assert release.has("p/y.py")
    assert asked == ["p/x.py", "p/y.py"]


def test_a_missing_file():
    release = Release("2.0", {}.get)
    assert not release.has("p/x.py")
    for _ in range(2):
        with pytest.raises(AbsentError, match=r"^p/x.py does not exist in 2.0$"):
            release.source("p/x.py")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a = 1\nb ===\n", "line 2: invalid syntax"),
        (b"a = '\xff'\n", "utf-8"),
        (b"a\0", "null bytes"),
        (b"(" * 10_000, "too many nested parentheses"),
    ],
    ids=["syntax", "not utf-8", "null", "nested"],
)
def test_a_file_that_does_not_parse(data, reason):
    release = Release("2.0", {"p/x.py": data}.get)
    for _ in range(2):
        with pytest.raises(UnparsableError) as caught:
            release.source("p/x.py")
        text = str(caught.value)
        assert text.startswith(f"p/x.py of 2.0 does not parse with Python {PYTHON} (")
        assert reason in text


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", ()),
        (b"a = 1", ("a = 1",)),
        (b"a = 1\r\nb = 2\r\n", ("a = 1", "b = 2")),
        (b"a = 1\n\n\x0cb = 2\n", ("a = 1", "", "\x0cb = 2")),
        (b"a = 1  # a\rb\nb = 2\n", ("a = 1  # a b", "b = 2")),
        ("# Größe\na = 1\n".encode(), ("# Größe", "a = 1")),
    ],
)
def test_lines_end_at_line_feeds_as_those_of_the_tree_do(data, lines):
    source = Source.parse("p/x.py", data)
    assert source.lines == lines
    assert all(lines[node.lineno - 1].lstrip("\x0c")[1:4] == " = " for node in source.tree.body)


def test_what_python_would_warn_of_is_upstream_s_affair(recwarn):
    Source.parse("p/x.py", b"a = '\\d' is 1\n")
    assert not recwarn.list
