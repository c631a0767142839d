"""Rows that a scorer is trained on: a context, a draft of its answer, and what a target says of it.

A *mismatch* is a draft position where draft and target differ. The *stops* of a row are its
mismatches and the end of its draft: whatever a scorer decides, the accepted draft ends at one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from specroll_scorer.data.row_columns import Columns, Ids, read_columns
from specroll_scorer.data.row_faults import Limits, RowError
from specroll_scorer.progress import progress


@dataclass(frozen=True, eq=False)
class Row:
    """A context with a draft of its answer.

    Attributes:
        context: token ids, int64 [context].
        draft: token ids, int64 [draft].
        target: the target's choice at each draft position, int64 [draft].
        ground_truth: the right answer, as text.
        checker: name of the function that compares an answer with it.
        baseline_right: whether the target's own answer is right.
        outcomes: is the answer right, bool [stops]; None where it was not found out.
        place: where the row comes from, as "file, row 12"; rows count from 0.

    Example:
        >>> draft, target = np.array([3, 4, 5]), np.array([3, 9, 5])
        >>> row = Row(np.array([1, 2]), draft, target, "7", "math_verify", True, None, "by hand")
        >>> row.mismatches.tolist(), row.stops.tolist()
        ([1], [1, 3])
    """

    context: Ids
    draft: Ids
    target: Ids
    ground_truth: str
    checker: str
    baseline_right: bool
    outcomes: npt.NDArray[np.bool_] | None
    place: str

    @cached_property
    def mismatches(self) -> Ids:
        """Draft positions where draft and target differ, ascending, int64 [mismatches]."""
        return np.flatnonzero(self.draft != self.target)

    @cached_property
    def stops(self) -> Ids:
        """Lengths that the accepted draft can have, ascending, int64 [mismatches + 1]."""
        return np.append(self.mismatches, len(self.draft))


@dataclass(frozen=True)
class Rows:
    """The rows of some files, and how many were skipped for which reason."""

    rows: list[Row]
    skipped: Counter[str]


def read_rows(files: Iterable[Path | str], limits: Limits, *, skip_invalid: bool = False) -> Rows:
    """Read and check the rows of parquet files, see `row_columns.py`.

    Args:
        files: in the order of the rows.
        limits: what rows may hold.
        skip_invalid: count rows that are not valid instead of raising RowError.

    Raises:
        RowError: a file cannot be read as parquet or lacks a column; a row is not valid.
    """
    found = Rows([], Counter())
    for file in map(Path, files):
        columns = read_columns(file)
        for number in progress(range(len(columns["checker"])), f"reading {file.name}"):
            try:
                found.rows.append(_row(columns, number, limits, f"{file}, row {number}"))
            except RowError as error:
                if not skip_invalid:
                    raise
                found.skipped[error.reason] += 1
    return found


def _row(columns: Columns, number: int, limits: Limits, place: str) -> Row:
    values = {name: column[number] for name, column in columns.items()}
    for fault in limits.faults(values):
        raise RowError(place, fault.reason, fault.details)
    tokens, start = values["input_ids"], values["draft_start_idx"]
    outcomes = values.get("outcomes")
    return Row(
        context=tokens[:start],
        draft=tokens[start:],
        target=values["target_ids"],
        ground_truth=values["ground_truth"],
        checker=values["checker"],
        baseline_right=values["baseline_right"],
        outcomes=None if outcomes is None else outcomes.astype(bool),
        place=place,
    )


def left_out_because(row: Row) -> str | None:
    """Return why a row teaches nothing, the same words for all such rows; None where it does."""
    if not row.baseline_right:
        return "the target's own answer is wrong"
    if not len(row.mismatches):
        return "the draft has no mismatch"
    return None
