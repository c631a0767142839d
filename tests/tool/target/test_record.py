"""RECORD, line by line."""

import pytest
from specroll.target.record import Record, entry

LINES = [b"../bin/x,sha256=a,1", b'"a,b.py",sha256=b,2', b"alpha/core.py,sha256=c,3", b"R,,"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_other_lines_keep_their_bytes(end):
    data = b"".join(line + end for line in LINES)
    updated = Record.parse(data).updated({"alpha/core.py": b"x", "z.py": b"", "a/y.py": b""})
    lines = [LINES[0], LINES[1], entry("alpha/core.py", b"x"), LINES[3]]
    added = [entry("a/y.py", b""), entry("z.py", b"")]
    assert updated == b"".join(line + end for line in [*lines, *added])


def test_deleted_file_is_not_listed():
    record = Record.parse(b"\n".join(LINES))
    assert (
        record.updated({"alpha/core.py": None, "other.py": None})
        == b"\n".join([*LINES[:2], LINES[3]]) + b"\n"
    )


def test_last_line_without_line_break():
    assert Record.parse(b"R,,").updated({"a.py": b""}) == b"R,,\n" + entry("a.py", b"") + b"\n"


def test_quoted_paths():
    record = Record.parse(b"\n".join(LINES))
    assert record.paths[1] == "a,b.py"
    assert record.line("a,b.py") == LINES[1]
    assert record.line("absent.py") is None
    assert entry("a,b.py", b"").startswith(b'"a,b.py",sha256=')


def test_ownership_is_by_folder():
    record = Record.parse(b"\n".join(LINES))
    assert record.owns("alpha")
    assert not record.owns("alp")


def test_line_break_that_was_added_is_no_difference():
    before = Record.parse(b"R,,")
    after = Record.parse(before.updated({"a.py": b""}))
    assert after.without({"a.py"}) == before.without(())


def test_path_that_is_too_long_for_a_csv_reader():
    line = b'"' + b"x" * 200_000 + b'",,\n'
    record = Record.parse(line)
    assert not record.owns("alpha")
    assert record.updated({"a.py": b""}).startswith(line)
