"""What pytest's JUnit file says: how each test went."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

FOUND = {"failure": "failed", "error": "failed", "skipped": "skipped"}

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
