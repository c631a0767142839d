"""What can be wrong with a row, and how it is said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


class RowError(ValueError):
    """A file or a row that is not what it should be.

    Attributes:
        reason: what is wrong, the same words for all rows that have this fault.

    Example:
        >>> str(RowError("train.parquet, row 3", "the draft is empty", "all 5 tokens are context"))
        'train.parquet, row 3: the draft is empty: all 5 tokens are context'
    """

    def __init__(self, place: str, reason: str, details: str) -> None:
        """Say of a place, as "file, row 12", what is wrong there."""
        super().__init__(f"{place}: {reason}: {details}")
        self.reason = reason
        self._said = place, reason, details

    def __reduce__(self) -> tuple[type[RowError], tuple[str, str, str]]:
        """Be picklable: Ray hands errors from process to process."""
        return RowError, self._said


@dataclass(frozen=True)
class Fault:
    """What is wrong with a row: a reason, the same for all that have it, and the details."""

    reason: str
    details: str


@dataclass(frozen=True)
class Limits:
    """What rows may hold.

    Attributes:
        vocabulary_size: ids go from 0 to one less.
        max_context: most tokens of a context; None: any number.
        max_draft: most tokens of a draft; None: any number.

    Example:
        >>> limits = Limits(vocabulary_size=50, max_context=None, max_draft=2)
        >>> ids = np.array([1, 2, 3, 4])
        >>> row = {"input_ids": ids, "draft_start_idx": 1, "target_ids": ids[1:]}
        >>> [fault.reason for fault in limits.faults(row)]
        ['the draft is too long']
    """

    vocabulary_size: int
    max_context: int | None = None
    max_draft: int | None = None

    def faults(self, values: Mapping[str, Any]) -> Iterator[Fault]:
        """Yield what is wrong with a row; each check trusts those before it.

        Args:
            values: of the row, by column: lists are arrays, a missing value is None.
        """
        for name, value in values.items():
            if value is None:
                yield Fault("a value is missing", f"{name} is, or holds, a null")
        yield from self._faults_of_lengths(
            len(values["input_ids"]), values["draft_start_idx"], len(values["target_ids"])
        )
        yield from self._faults_of_ids(values)
        if "outcomes" in values:
            yield from _faults_of_outcomes(values)

    def _faults_of_lengths(self, tokens: int, start: int, target: int) -> Iterator[Fault]:
        draft = tokens - start
        if start < 1 or start > tokens:
            details = f"it is {start} in a row of {tokens} tokens"
            yield Fault("draft_start_idx is out of range", details)
        if draft == 0:
            yield Fault("the draft is empty", f"all {tokens} tokens are context")
        if draft != target:
            details = f"{draft} draft tokens, {target} target tokens"
            yield Fault("draft and target differ in length", details)
        if self.max_context is not None and start > self.max_context:
            details = f"{start} tokens where {self.max_context} are allowed"
            yield Fault("the context is too long", details)
        if self.max_draft is not None and draft > self.max_draft:
            details = f"{draft} tokens where {self.max_draft} are allowed"
            yield Fault("the draft is too long", details)

    def _faults_of_ids(self, values: Mapping[str, Any]) -> Iterator[Fault]:
        for name in ("input_ids", "target_ids"):
            ids = values[name]
            outside = ids[(ids < 0) | (ids >= self.vocabulary_size)]
            if len(outside):
                last = self.vocabulary_size - 1
                details = f"{outside[0]} in {name}, where ids go from 0 to {last}"
                yield Fault("an id is outside the vocabulary", details)


def _faults_of_outcomes(values: Mapping[str, Any]) -> Iterator[Fault]:
    draft = values["input_ids"][values["draft_start_idx"] :]
    given, stops = len(values["outcomes"]), np.count_nonzero(draft != values["target_ids"]) + 1
    if given != stops:
        yield Fault("outcomes of the wrong length", f"{given} outcomes of {stops} stops")
