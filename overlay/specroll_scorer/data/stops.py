"""The places where verification of a draft can stop, of many drafts side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from specroll_scorer.data.row_faults import RowError
from specroll_scorer.data.rows import Row

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True)
class Stops:
    """Where each draft can be cut, and whether the target's answer from there on is right.

    A row's stops are its mismatches and, last, the end of its draft; rows with fewer than others
    are filled up with their last.

    Attributes:
        rows: whose stops they are.
        lengths: tokens accepted at the stop, int64 [rows, most stops].
        right: whether the answer is right then, bool [rows, most stops].
        is_mismatch: False at filled-up places, bool [rows, most stops - 1].

    Example:
        A draft whose first mismatch is harmless and whose second makes the answer wrong:

        >>> draft, target = np.array([1, 2, 3]), np.array([1, 7, 8])
        >>> outcomes = np.array([True, True, False])
        >>> row = Row(np.array([5]), draft, target, "7", "math_verify", True, outcomes, "by hand")
        >>> stops = Stops.of([row])
        >>> stops.lengths.tolist(), stops.harmless.tolist(), stops.harmful.tolist()
        ([[1, 2, 3]], [[True, False]], [[False, True]])
    """

    rows: Sequence[Row]
    lengths: IntArray
    right: BoolArray
    is_mismatch: BoolArray

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Stops:
        """Lay out the stops of rows.

        Raises:
            ValueError: there is no row.
            RowError: a row has no outcomes.
        """
        if not rows:
            raise ValueError("there are no rows")
        for row in rows:
            if row.outcomes is None:
                raise RowError(row.place, "no outcomes", "prepare the file with --outcomes")
        counts = np.array([len(row.stops) for row in rows])
        columns = np.arange(counts.max())
        places = (counts.cumsum() - counts)[:, None] + np.minimum(columns, counts[:, None] - 1)
        return cls(
            rows,
            np.concatenate([row.stops for row in rows])[places],
            np.concatenate([row.outcomes for row in rows])[places],
            columns[:-1] < counts[:, None] - 1,
        )

    @property
    def judgeable(self) -> BoolArray:
        """Mismatches up to which the answer is right, bool [rows, most stops - 1]."""
        return self.is_mismatch & self.right[:, :-1]

    @property
    def harmful(self) -> BoolArray:
        """Mismatches that make a right answer wrong, bool [rows, most stops - 1]."""
        return self.judgeable & ~self.right[:, 1:]

    @property
    def harmless(self) -> BoolArray:
        """Mismatches that leave a right answer right, bool [rows, most stops - 1]."""
        return self.judgeable & self.right[:, 1:]

    def first_rejection(self, accepts: BoolArray) -> IntArray:
        """Return the stop at which verification ends, as a column, int64 [rows].

        Args:
            accepts: which mismatches are accepted, bool [rows, most stops - 1].
        """
        rejects = self.is_mismatch & ~accepts
        return np.pad(rejects, [(0, 0), (0, 1)], constant_values=True).argmax(axis=1)

    def at_mismatches(self, values: Sequence[npt.NDArray[Value]]) -> npt.NDArray[Value]:
        """Pick the mismatches' values, [rows, most stops - 1]; void where there is no mismatch.

        Args:
            values: an array a row, with a number a draft position.

        Raises:
            ValueError: an array is not as long as its draft.
        """
        ends = self.lengths[:, -1]
        if [len(each) for each in values] != ends.tolist():
            raise ValueError("there must be one value for each position of each draft")
        places = np.minimum(self.lengths[:, :-1], ends[:, None] - 1)
        return np.concatenate(values)[(ends.cumsum() - ends)[:, None] + places]
