"""Sets: patches and overlay files that only some environments get, all packages alike."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from specroll.stack.table import Table

# What every environment gets; no set has this name.
BASE = "base"
WHEN_RECORDED = " when it was patched; `revert` lets the environment decide again"
NAME = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True)
class Choice:
    """Sets that a user asks for, or refuses, whatever is installed.

    >>> Choice(wanted=("cpu",)).over(Choice(refused=("cpu", "rare")))
    Choice(wanted=('cpu',), refused=('rare',))
    """

    wanted: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The sets that something is said about."""
        return (*self.wanted, *self.refused)

    def over(self, older: Choice) -> Choice:
        """Return this choice, and the older one where this says nothing."""
        return Choice(
            tuple(sorted({*self.wanted, *older.wanted}.difference(self.refused))),
            tuple(sorted({*self.refused, *older.refused}.difference(self.wanted))),
        )

    def about(self, names: Collection[str]) -> Choice:
        """Return what this choice says about these sets."""
        return Choice(
            tuple(name for name in self.wanted if name in names),
            tuple(name for name in self.refused if name in names),
        )

    @classmethod
    def parse(cls, table: Table) -> Choice:
        """Read a choice as a state holds it."""
        return cls(table.texts("wanted"), table.texts("refused"))


@dataclass(frozen=True)
class Verdict:
    """Whether an environment gets a set, and why."""

    is_chosen: bool
    reason: str


@dataclass(frozen=True)
class Rule:
    """When a set is chosen: one distribution of `present` is installed, and none of `absent`.

    >>> rule = Rule("cpu", "no accelerator", ("alpha-cpu",), ())
    >>> rule.judge({"alpha-cpu"}, Choice(), recorded=Choice())
    Verdict(is_chosen=True, reason='alpha-cpu is installed')
    """

    name: str
    why: str
    present: tuple[str, ...]
    absent: tuple[str, ...]

    @classmethod
    def parse(cls, name: str, table: Table) -> Rule:
        """Read a rule.

        Raises:
            PatchError: a key is missing, unknown or of the wrong type.
        """
        table.only("why", "installed", "not_installed")
        if name == BASE or not NAME.fullmatch(name):
            raise table.error("why", f"belongs to {name!r}, which is no name for a set")
        rule = cls(
            name, table.text("why"), table.texts("installed"), table.optional_texts("not_installed")
        )
        if not rule.present:
            raise table.error("installed", "must name at least one distribution")
        return rule

    def judge(self, distributions: Collection[str], choice: Choice, recorded: Choice) -> Verdict:
        """Say whether the set belongs to an environment.

        Args:
            distributions: Normalised names of what is installed.
            choice: What the user says, which counts most.
            recorded: What the user said when it was patched, which counts more than what is
                installed.
        """
        for word, when in ((choice, ""), (recorded, WHEN_RECORDED)):
            if self.name in word.wanted:
                return Verdict(True, f"asked for{when}")
            if self.name in word.refused:
                return Verdict(False, f"refused{when}")
        for name in self.absent:
            if normalised(name) in distributions:
                return Verdict(False, f"{name} is installed")
        for name in self.present:
            if normalised(name) in distributions:
                return Verdict(True, f"{name} is installed")
        return Verdict(False, f"{' or '.join(self.present)} is not installed")


def normalised(name: str) -> str:
    """Return a distribution's name in the form in which names are compared.

    >>> normalised("Alpha_CPU")
    'alpha-cpu'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def with_sets(names: Collection[str]) -> str:
    """Return the words that name sets after a noun, none where there are no sets.

    >>> with_sets(["cpu"])
    ' with set cpu'
    """
    if not names:
        return ""
    return f" with set{'s' * (len(names) > 1)} {' and '.join(names)}"
