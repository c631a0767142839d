"""How pytest's JUnit file is read."""

import xml.etree.ElementTree as ElementTree

import pytest

from ci.outcomes import read_outcomes, read_reasons


@pytest.fixture
def write_cases(tmp_path):
    """Return a function that writes the tests of a JUnit file."""

    def write(*contents):
        cases = "".join(f'<testcase classname="a" name="b">{text}</testcase>' for text in contents)
        file = tmp_path / "tests.xml"
        file.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
        return file

    return write


@pytest.mark.parametrize(
    ("content", "outcome"),
    [("", "passed"), ("<failure/>", "failed"), ("<error/>", "failed"), ("<skipped/>", "skipped")],
)
def test_outcomes(write_cases, content, outcome):
    assert read_outcomes(write_cases(content)) == {"a.b": outcome}


def test_a_test_that_fails_and_whose_clean_up_fails_too_is_one(write_cases):
    assert read_outcomes(write_cases("<failure/>", "<error/>")) == {"a.b": "failed"}


def test_a_clean_up_that_fails_is_a_failure(write_cases):
    assert read_outcomes(write_cases("", "<error/>")) == {"a.b": "failed"}
    assert read_outcomes(write_cases("<failure/>", "")) == {"a.b": "failed"}


def test_a_file_that_was_not_finished(tmp_path):
    (tmp_path / "tests.xml").write_text("<testsuites>")
    with pytest.raises(ElementTree.ParseError):
        read_outcomes(tmp_path / "tests.xml")


REASONS = [
    ('<failure message="assert 1 == 2"/>', "AssertionError"),
    ('<failure message="a.b.OddError: it"/>', "OddError"),
    ('<failure message="KeyboardInterrupt"/>', "KeyboardInterrupt"),
    ("""<error message='failed on setup with "a.OddError: it"'/>""", "OddError"),
    ('<error message="collection failure">in x\nE   a.OddError: it</error>', "OddError"),
    ('<error message="collection failure"/>', "an unknown error"),
]


@pytest.mark.parametrize(("content", "reason"), REASONS)
def test_reasons(write_cases, content, reason):
    assert read_reasons(write_cases(content)) == {"a.b": reason}


def test_what_does_not_fail_has_no_reason(write_cases):
    assert read_reasons(write_cases("", "<skipped/>")) == {}


def test_the_first_reason_counts(write_cases):
    cases = write_cases('<failure message="assert 0"/>', '<error message="OddError: it"/>')
    assert read_reasons(cases) == {"a.b": "AssertionError"}
