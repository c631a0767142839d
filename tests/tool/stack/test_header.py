"""The head of a patch."""

import pytest
from specroll.stack.header import Header

BODY = "Why so.\n\nUpstream-Status: Pending\nReason: r\nRemove-When: w"


def test_round_trip():
    header = Header("[bugfix] Größe", BODY)
    assert Header.parse(header.dump()) == header
    assert Header.of_message(header.message) == header


def test_reads_what_git_writes():
    text = (
        "From 0 Mon\nFrom: A\nSubject: [PATCH 1/2] [bugfix] A long\n subject\n\nWhy.\n---\n x | 1\n"
    )
    assert Header.parse(text) == Header("[bugfix] A long subject", "Why.")


def test_no_subject():
    assert Header.parse("nothing here").subject == ""


def test_trailers_are_those_of_the_last_paragraph():
    header = Header("s", "Note: not this\n\nReason: this\n and that\nRemove-When: never")
    assert header.trailers == {"Reason": "this and that", "Remove-When": "never"}


@pytest.mark.parametrize(
    ("subject", "stem"),
    [
        ("[bugfix] Count twice, at least", "bugfix-count_twice_at_least"),
        ("[feature] X", "feature-x"),
        ("Something", ""),
    ],
)
def test_name_follows_from_the_subject(subject, stem):
    assert Header(subject, BODY).stem == stem


def test_trailer_decides_the_name():
    header = Header("[bugfix] Long words", BODY).named("bugfix-short")
    assert header.stem == "bugfix-short"
    assert header.body == f"{BODY}\nPatch-Name: bugfix-short"
    assert header.named("bugfix-short") is header
    assert header.named("bugfix-other").body == f"{BODY}\nPatch-Name: bugfix-other"


def test_name_of_a_header_without_trailers():
    assert Header("[bugfix] X", "Why.").named("bugfix-y").body == "Why.\n\nPatch-Name: bugfix-y"


GROUNDS = """\
Relies-On: p/x.py:Engine.step
Relies-On: p/q/y.py:LIMIT
Proof: tests/p/test_x.py::test_step
Proof: tests/p/test_x.py::TestEngine::test_step[1-a]
Reviewed-For: 1.2
Reviewed-For: 1.3.0rc1"""


def test_repeated_trailers():
    header = Header("[bugfix] X", f"{BODY}\n{GROUNDS}")
    assert header.relies_on == ("p/x.py:Engine.step", "p/q/y.py:LIMIT")
    assert header.proofs == (
        "tests/p/test_x.py::test_step",
        "tests/p/test_x.py::TestEngine::test_step[1-a]",
    )
    assert header.reviewed_for == ("1.2", "1.3.0rc1")
    assert header.trailers == Header("[bugfix] X", BODY).trailers
    assert not header.problems()
    assert Header.parse(header.dump()) == header


def test_no_repeated_trailers():
    header = Header("[bugfix] X", f"Relies-On: p/x.py:a\n\n{BODY}")
    assert (header.relies_on, header.proofs, header.reviewed_for) == ((), (), ())


def test_a_review_is_added_once():
    header = Header("[bugfix] X", BODY).reviewed("1.2").reviewed("1.3")
    assert header.body == f"{BODY}\nReviewed-For: 1.2\nReviewed-For: 1.3"
    assert header.reviewed("1.2") is header
    assert header.named("bugfix-y").reviewed_for == ("1.2", "1.3")


def test_a_review_joins_other_repeated_trailers():
    header = Header("[bugfix] X", "Why.\n\nProof: tests/p.py::test_a").reviewed("1.2")
    assert header.body == "Why.\n\nProof: tests/p.py::test_a\nReviewed-For: 1.2"


@pytest.mark.parametrize(
    ("trailer", "message"),
    [
        ("Relies-On: p/x.py", "without `:` and the name of a definition after the file"),
        ("Relies-On: p/x.py:", "without `:` and the name of a definition after the file"),
        ("Relies-On: p/x.py:A..b", "without `:` and the name of a definition after the file"),
        ("Relies-On: p/x.py:A.1", "without `:` and the name of a definition after the file"),
        ("Relies-On: x.py:a", ", whose path is not that of a Python file in a folder"),
        ("Relies-On: p/x:a", ", whose path is not that of a Python file in a folder"),
        ("Relies-On: /p/x.py:a", ", whose path is absolute"),
        ("Relies-On: p/../x.py:a", ", whose path leaves the tree"),
        ("Proof: tests/x.py", "without `::` and the name of a test after the file"),
        ("Proof: tests/x.py::", "without `::` and the name of a test after the file"),
        ("Proof: tests/x.py::test[a b]", "without `::` and the name of a test after the file"),
        ("Proof: tests/../x.py::test_a", ", whose path leaves the tree"),
        ("Proof: tests/x::test_a", ", whose path is not that of a Python file in a folder"),
        ("Reviewed-For: soon", ", which is not a release"),
        ("Reviewed-For: 1.2 and 1.3", ", which is not a release"),
    ],
)
def test_malformed_repeated_trailers(trailer, message):
    problems = Header("[bugfix] X", f"{BODY}\n{trailer}").problems()
    assert problems == [f"has a `{trailer}`{message if message[0] == ',' else f' {message}'}"]


def test_no_problems():
    for status in ("Pending", "Submitted https://x", "Backport 1234", "Inappropriate [ours]"):
        assert not Header("[bugfix] X", BODY.replace("Pending", status)).problems()


@pytest.mark.parametrize(
    ("subject", "body", "message"),
    [
        ("X", BODY, "has a subject that is not"),
        ("[bugfix] X", BODY.replace("Reason: r\n", ""), "has no trailer `Reason:`"),
        ("[bugfix] X", BODY.replace("Pending", "Soon"), "has an Upstream-Status other than"),
        ("[bugfix] X", BODY.partition("\n\n")[2], "has no paragraph that says why"),
        ("[bugfix] X", f"Why.\n---\nso\n\n{BODY}", "has a line `---`"),
        ("[bugfix] X", f"{BODY}\nPatch-Name: ../x", "has a name that is not"),
    ],
)
def test_problems(subject, body, message):
    assert any(problem.startswith(message) for problem in Header(subject, body).problems())
