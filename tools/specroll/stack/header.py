"""The head of a patch: its subject, why it exists, and the trailers that say for how long."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from specroll.stack import treepath
from specroll.stack.sets import BASE

KIND = re.compile(r"\[(bugfix|feature)\] (\S.*)")
TRAILER = re.compile(r"([A-Z][A-Za-z]*(?:-[A-Za-z]+)*): (\S.*)")
REQUIRED = ("Upstream-Status", "Reason", "Remove-When")
STATUS = re.compile(r"Pending|Submitted \S+|Backport \S+|Inappropriate \[.+\]")
# These may be said several times; every other trailer counts once.
RELIES_ON, PROOF, REVIEWED_FOR = REPEATED = ("Relies-On", "Proof", "Reviewed-For")
QUALIFIED_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
TEST = re.compile(r"\w+(?:::\w+)*(?:\[\S+\])?")
RELEASE = re.compile(r"[0-9]+(?:\.[0-9]+)*\S*")
PREAMBLE = """\
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: specroll <patches@specroll.invalid>
Date: Thu, 1 Jan 1970 00:00:00 +0000
"""


@dataclass(frozen=True)
class Header:
    """Subject and body of a patch, the same text as its message in the scratch repository.

    >>> header = Header.of_message("[bugfix] Count once\\n\\nWhy.\\n\\nPatch-Set: cpu")
    >>> header.stem, header.part
    ('bugfix-count_once', 'cpu')
    """

    subject: str
    body: str

    @classmethod
    def parse(cls, text: str) -> Header:
        """Read the part of a patch file that precedes its first diff."""
        fields, _, rest = text.partition("\n\n")
        unfolded = re.sub(r"\n[ \t]+", " ", fields)
        match = re.search(r"^Subject: (?:\[PATCH[^]]*\] *)?(.*)$", unfolded, re.MULTILINE)
        body = re.split(r"^---\s*$", rest, maxsplit=1, flags=re.MULTILINE)[0]
        return cls(match.group(1).strip() if match else "", body.strip())

    @classmethod
    def of_message(cls, message: str) -> Header:
        """Read a commit message."""
        subject, _, body = message.strip().partition("\n")
        return cls(subject.strip(), body.strip())

    @property
    def message(self) -> str:
        """The commit message that stands for this header."""
        return f"{self.subject}\n\n{self.body}\n"

    @property
    def trailers(self) -> Mapping[str, str]:
        """The trailers of the last paragraph that count once, by name."""
        return {key: value for key, value in self._all_trailers if key not in REPEATED}

    @property
    def relies_on(self) -> tuple[str, ...]:
        """What the patch takes for granted upstream: `path/of/file.py:Qualified.name`.

        >>> Header("", "Why.\\n\\nRelies-On: p/x.py:A.b\\nRelies-On: p/y.py:LIMIT").relies_on
        ('p/x.py:A.b', 'p/y.py:LIMIT')
        """
        return self._repeated(RELIES_ON)

    @property
    def proofs(self) -> tuple[str, ...]:
        """The tests that fail without the patch: `tests/of/test_file.py::test_name`."""
        return self._repeated(PROOF)

    @property
    def reviewed_for(self) -> tuple[str, ...]:
        """The upstream releases for which a person has accepted the patch."""
        return self._repeated(REVIEWED_FOR)

    def _repeated(self, key: str) -> tuple[str, ...]:
        return tuple(value for name, value in self._all_trailers if name == key)

    @property
    def _all_trailers(self) -> list[tuple[str, str]]:
        """Every trailer in its order; a continued line is joined to its trailer."""
        last = re.sub(r"\n[ \t]+", " ", self.body.rpartition("\n\n")[2])
        matches = [TRAILER.fullmatch(line) for line in last.splitlines()]
        return [(match[1], match[2].strip()) for match in matches if match]

    @property
    def stem(self) -> str:
        """The file name without number and suffix, from `Patch-Name` or else from the subject.

        >>> Header("[bugfix] Count the tokens, twice", "").stem
        'bugfix-count_the_tokens_twice'
        """
        return self.trailers.get("Patch-Name") or self.subject_stem

    @property
    def subject_stem(self) -> str:
        """The file name without number and suffix as the subject alone gives it."""
        match = KIND.fullmatch(self.subject)
        if not match:
            return ""
        return f"{match[1]}-{'_'.join(re.findall('[a-z0-9]+', match[2].lower()))}"

    @property
    def part(self) -> str:
        """The set that the patch belongs to by its trailer `Patch-Set`, else the base."""
        return self.trailers.get("Patch-Set", BASE)

    def named(self, stem: str) -> Header:
        """Return the header that gives this name, with a trailer where the subject does not."""
        return self if stem == self.stem else self._with_trailer("Patch-Name", stem)

    def of_part(self, part: str) -> Header:
        """Return the header of a patch of this part, with a trailer where it is a set."""
        return self if part == self.part else self._with_trailer("Patch-Set", part)

    def reviewed(self, release: str) -> Header:
        """Return the header that says that a person has accepted the patch for this release."""
        known = release in self.reviewed_for
        return self if known else self._with_trailer(REVIEWED_FOR, release)

    def _with_trailer(self, key: str, value: str) -> Header:
        lines = self.body.splitlines()
        if key not in REPEATED:
            lines = [line for line in lines if not line.startswith(f"{key}:")]
        gap = "" if self._all_trailers else "\n"
        return Header(self.subject, "\n".join([*lines, f"{gap}{key}: {value}"]).strip())

    def dump(self) -> str:
        """Return the head of a patch file."""
        return f"{PREAMBLE}Subject: {self.subject}\n\n{self.body}\n---\n"

    def problems(self) -> list[str]:
        """Say in which ways the header falls short of what every patch owes its reader."""
        trailers = self.trailers
        found = [f"has no trailer `{name}:`" for name in REQUIRED if name not in trailers]
        if not KIND.fullmatch(self.subject):
            found.append("has a subject that is not `[bugfix] …` or `[feature] …`")
        if not re.fullmatch(r"(?:bugfix|feature)-\w+", self.stem):
            found.append("has a name that is not `bugfix-some_words` or `feature-some_words`")
        if "Upstream-Status" in trailers and not STATUS.fullmatch(trailers["Upstream-Status"]):
            found.append(
                "has an Upstream-Status other than Pending, Submitted URL, Backport SHA"
                " or Inappropriate [reason]"
            )
        found += [f"has a `{key}: {value}`{why}" for key, value, why in self._malformed()]
        if "\n\n" not in self.body:
            found.append("has no paragraph that says why, before the trailers")
        if Header.parse(self.dump()) != self:
            found.append("has a line `---` or a line break that a patch file cannot carry")
        return found

    def _malformed(self) -> Iterator[tuple[str, str, str]]:
        """Yield name, value and fault of those trailers that may be repeated and are malformed."""
        for value in self.relies_on:
            path, _, name = value.partition(":")
            if why := _path_fault(path):
                yield RELIES_ON, value, why
            elif not QUALIFIED_NAME.fullmatch(name):
                yield RELIES_ON, value, " without `:` and the name of a definition after the file"
        for value in self.proofs:
            path, _, name = value.partition("::")
            if why := _path_fault(path):
                yield PROOF, value, why
            elif not TEST.fullmatch(name):
                yield PROOF, value, " without `::` and the name of a test after the file"
        for value in self.reviewed_for:
            if not RELEASE.fullmatch(value):
                yield REVIEWED_FOR, value, ", which is not a release"


def _path_fault(path: str) -> str | None:
    if reason := treepath.problem(path):
        return f", whose path {reason}"
    if "/" not in path or not path.endswith(".py"):
        return ", whose path is not that of a Python file in a folder"
    return None
