"""What pytest's JUnit file says: how each test went."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

FOUND = {"failure": "failed", "error": "failed", "skipped": "skipped"}

# pytest leaves out the name of an assertion that it explains.
EXPLAINED = "assert "
NAMED = re.compile(r'(?:failed on \w+ with ")?(?:\w+\.)*(\w+)(?:[:"]|$)')
SHOWN = re.compile(r"^E +(?:\w+\.)*(\w+)(?::|$)", re.MULTILINE)

# By the name of a test: passed, failed or skipped.
Outcomes = dict[str, str]


def read_outcomes(file: Path) -> Outcomes:
    """Return how each test went.

    For example `{"tests.sam.test_index.test_empty": "passed"}`. A test that fails, and whose
    clean-up fails too, is there once.

    Raises:
        OSError: pytest wrote no file.
        xml.etree.ElementTree.ParseError: pytest did not finish it.
    """
    found: Outcomes = {}
    for case in ElementTree.parse(file).iter("testcase"):
        name, how = outcome(case)
        if found.get(name) != "failed":
            found[name] = how
    return found


def outcome(case: ElementTree.Element) -> tuple[str, str]:
    """Return the name of a test and how it went."""
    how = next((FOUND[part.tag] for part in case if part.tag in FOUND), "passed")
    return f"{case.get('classname')}.{case.get('name')}", how


def read_reasons(file: Path) -> dict[str, str]:
    """Return for each test that failed the name of the exception that it failed by.

    For example `{"tests.sam.test_index.test_empty": "AssertionError"}`. A module that cannot be
    imported is there with a dot before its name.

    Raises:
        OSError: pytest wrote no file.
        xml.etree.ElementTree.ParseError: pytest did not finish it.
    """
    found: dict[str, str] = {}
    for case in ElementTree.parse(file).iter("testcase"):
        name, how = outcome(case)
        if how == "failed":
            part = next(part for part in case if FOUND.get(part.tag) == "failed")
            found.setdefault(name, reason(part))
    return found


def reason(part: ElementTree.Element) -> str:
    """Return the name of the exception that the part of a test's entry tells of."""
    message = part.get("message", "")
    if message.startswith(EXPLAINED):
        return AssertionError.__name__
    match = NAMED.match(message) or SHOWN.search(part.text or "")
    return match[1] if match else "an unknown error"
