"""What `lint` asks of a patch so that a new release can show whether it is still right."""

from pathlib import Path

import pytest
from specroll.authoring import conventions
from specroll.stack.header import Header
from specroll.stack.patch import Patch
from specroll.stack.registry import Stack

PATH = Path("0001-bugfix-x.patch")
RELIANCE = "Relies-On: p/x.py:f"
PROOF = "Proof: tests/p/test_x.py::test_f"


def missing(subject, *trailers, is_default=True):
    header = Header(subject, "\n".join(["Why.\n", "Reason: r", *trailers]))
    patch = Patch(PATH.name, "", header, ())
    stack = Stack("1.0", Path(), {}, {}, {}, is_default, {})
    return list(conventions.ungrounded(PATH, patch, stack))


@pytest.mark.parametrize(
    ("trailers", "names"),
    [
        ((), ["Relies-On", "Proof"]),
        ((RELIANCE,), ["Proof"]),
        ((PROOF,), ["Relies-On"]),
        ((RELIANCE, PROOF), []),
    ],
)
def test_a_patch_says_what_it_relies_on_and_proves_it(trailers, names):
    found = missing("[feature] X", *trailers)
    assert [sentence.partition(";")[0] for sentence in found] == [
        f"{PATH} has no trailer `{name}:`" for name in names
    ]


def test_in_further_stacks_bugfixes_only():
    assert missing("[feature] X", is_default=False) == []
    assert len(missing("[bugfix] X", is_default=False)) == 2
