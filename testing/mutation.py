"""Files altered at random: bytes, lines and JSON values, with what has broken tools before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

PIECES = (
    *(b"../../outside/x", b"/etc/passwd", b"..", b".", b"", b"a/", b"b/", b"/dev/null", b"\\"),
    *(b"\r\n", b"\r", b"\0", b"\xff", b"\xc3\xa9", b"\x85", b"\x0c", b"\n", b'"', b",", b"'''"),
    *(b"-1", b"0", b"99999999999999999999", b"null", b"[]", b"{}", b"true", b"1e999", b"[" * 9999),
    *(b"@@ -1 +1 @@\n", b"@@ -0,0 +1,9 @@\n", b"+x\n", b"-x\n", b" x\n", b"--- a/x\n"),
    *(b"+++ b/x\n", b"new file mode 120000\n", b"deleted file mode 100644\n"),
    *(b"diff --git a/alpha/x b/alpha/x\n",),
    *(b"rename from x\n", b"GIT binary patch\n", b"\\ No newline at end of file\n", b"-- \n2.39\n"),
    *(b"alpha/core.py", b"alpha", b"beta", b"gamma/__init__.py", b"__pycache__", b"apply-patches"),
)  # fmt: skip
VALUES: tuple[object, ...] = (
    *(None, True, -1, 1e308, "", "x", "../../outside/x", "/etc", "alpha/core.py", [], {}, [[]]),
)

Edit = tuple[str, float, float, bytes]

places = st.floats(0, 1, exclude_max=True)
edits = st.lists(
    st.tuples(
        st.sampled_from(["insert", "replace", "cut", "swap lines", "repeat line", "flip", "end"]),
        places,
        places,
        st.sampled_from(PIECES) | st.binary(max_size=4),
    ),
    min_size=1,
    max_size=4,
)
value_edits = st.lists(st.tuples(places, st.sampled_from(VALUES)), min_size=1, max_size=2)


def altered(data: bytes, steps: Sequence[Edit]) -> bytes:
    """Return bytes after these edits, whose places are fractions of the length."""
    for step in steps:
        data = _altered_once(data, *step)
    return data


def _altered_once(data: bytes, kind: str, first: float, second: float, piece: bytes) -> bytes:
    at, to = sorted((int(first * (len(data) + 1)), int(second * (len(data) + 1))))
    lines = data.splitlines(keepends=True) or [b""]
    one, other = int(first * len(lines)), int(second * len(lines))
    if kind == "insert":
        return data[:at] + piece + data[at:]
    if kind == "replace":
        return data[:at] + piece + data[at + max(len(piece), 1) :]
    if kind == "cut":
        return data[:at] + data[min(to, at + 40) :]
    if kind == "end":
        return data[:at]
    if kind == "flip":
        return data[:at] + bytes(byte ^ 1 for byte in data[at : at + 1]) + data[at + 1 :]
    if kind == "swap lines":
        lines[one], lines[other] = lines[other], lines[one]
    else:
        lines.insert(other, lines[one])
    return b"".join(lines)


def altered_json(data: bytes, steps: Sequence[tuple[float, object]]) -> bytes:
    """Return a JSON document in which some values, or keys, are others."""
    document = json.loads(data)
    for place, value in steps:
        holders = list(_holders(document))
        if holders:
            holder, key = holders[int(place * len(holders))]
            holder[key] = deepcopy(value)
    return json.dumps(document).encode()


def _holders(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401
    """Yield every container with every key or index of it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        yield value, key
        if isinstance(inner, (dict, list)):
            yield from _holders(inner)
