"""Whether upstream still says what a patch relies on."""

from __future__ import annotations

from collections.abc import Iterator

from specroll.porting.definitions import Definition
from specroll.porting.finding import Finding
from specroll.porting.release import AbsentError, Release, UnparsableError
from specroll.stack.header import RELIES_ON, Header


def changes(header: Header, old: Release, new: Release) -> Iterator[Finding]:
    """Yield a finding for each `Relies-On` whose definition differs, is gone or cannot be read.

    >>> header = Header("[bugfix] X", "Why.\\n\\nRelies-On: p/x.py:LIMIT")
    >>> releases = [Release(n, {"p/x.py": b"LIMIT = %s" % n.encode()}.get) for n in ("3", "4")]
    >>> [finding.sentence for finding in changes(header, *releases)]
    ['p/x.py:LIMIT is not in 4 what it is in 3']
    """
    for reliance in header.relies_on:
        path, _, name = reliance.partition(":")
        try:
            before = Definition.find(old, path, name)
        except (AbsentError, UnparsableError) as error:
            yield Finding(f"`{RELIES_ON}: {reliance}` cannot be compared: {error}")
            continue
        yield from _compared(reliance, before, old, new)


def _compared(reliance: str, before: Definition, old: Release, new: Release) -> Iterator[Finding]:
    path, _, name = reliance.partition(":")
    try:
        after = Definition.find(new, path, name)
    except AbsentError as error:
        yield Finding(f"{reliance} is gone: {error}")
    except UnparsableError as error:
        yield Finding(f"{reliance} cannot be compared: {error}")
    else:
        if not before.says_the_same(after):
            sentence = f"{reliance} is not in {new.name} what it is in {old.name}"
            yield Finding(sentence, before.diff(after))
