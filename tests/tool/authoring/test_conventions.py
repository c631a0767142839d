"""What patches owe their reader beyond what `lint` asks for today."""

from pathlib import Path

import pytest
from specroll.authoring import conventions
from specroll.stack.header import Header
from specroll.stack.patch import Patch

PATH = Path("0001-bugfix-x.patch")
RELIANCE = "Relies-On: p/x.py:f"
PROOF = "Proof: tests/p/test_x.py::test_f"


def missing(subject, *trailers):
    header = Header(subject, "\n".join(["Why.\n", "Reason: r", *trailers]))
    return list(conventions.ungrounded(PATH, Patch(PATH.name, "", header, ())))


@pytest.mark.parametrize(
    ("trailers", "names"),
    [
        ((), ["Relies-On", "Proof"]),
        ((RELIANCE,), ["Proof"]),
        ((PROOF,), ["Relies-On"]),
        ((RELIANCE, PROOF), []),
    ],
)
def test_a_bugfix_says_what_it_mends_and_proves_it(trailers, names):
    found = missing("[bugfix] X", *trailers)
    assert [sentence.partition(";")[0] for sentence in found] == [
        f"{PATH} has no trailer `{name}:`" for name in names
    ]


def test_a_feature_needs_neither():
    assert missing("[feature] X") == []
