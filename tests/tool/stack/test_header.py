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
