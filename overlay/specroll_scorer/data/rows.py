"""Rows of parquet files that a scorer is trained on: a context, a draft of its answer, a target.

Columns, one row a prompt:

    data_source      "spd_scorer"
    input_ids        token ids of the context and the draft
    draft_start_idx  length of the context
    target_ids       what the target would say at each draft position, given all before it
    reward_model     struct: style "rule", ground_truth
    checker          name of the function that checks answers, see `specroll_scorer.answers.checkers`
    baseline         the target's own greedy answer to the context
    baseline_right   whether that answer is right
    extra_info       struct: index
    outcomes         optional: for each stop whether the answer is right where the target completes
                     the context and the draft up to there

A *mismatch* is a draft position where draft and target differ. The *stops* of a row are its
mismatches and the end of its draft: whatever a scorer decides, the accepted draft ends at one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from specroll_scorer.progress import progress

DATA_SOURCE = "spd_scorer"

SCHEMA = pa.schema(
    [
        ("data_source", pa.string()),
        ("input_ids", pa.list_(pa.int64())),
        ("draft_start_idx", pa.int64()),
        ("target_ids", pa.list_(pa.int64())),
        ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.string())])),
        ("checker", pa.string()),
        ("baseline", pa.string()),
        ("baseline_right", pa.bool_()),
        ("extra_info", pa.struct([("index", pa.int64())])),
    ]
)
OUTCOMES = pa.field("outcomes", pa.list_(pa.bool_()))

Ids = npt.NDArray[np.int64]
Columns = Mapping[str, list[Any]]
Fault = tuple[str, str]


class RowError(ValueError):
    """A file or a row that is not what it should be.

    Attributes:
        reason: what is wrong, the same words for all rows that have this fault.
    """

    def __init__(self, place: str, reason: str, details: str) -> None:
        """Say of a place, as "file, row 12", what is wrong there."""
        super().__init__(f"{place}: {reason}: {details}")
        self.reason = reason
        self._said = place, reason, details

    def __reduce__(self) -> tuple[type[RowError], tuple[str, str, str]]:
        """Be picklable: Ray hands errors from process to process."""
        return RowError, self._said


@dataclass(frozen=True, eq=False)
class Row:
    """A context with a draft of its answer.

    Attributes:
        context: token ids, int64 [context].
        draft: token ids, int64 [draft].
        target: the target's choice at each draft position, int64 [draft].
        outcomes: is the answer right, bool [stops]; None where it was not found out.
        place: where the row comes from, as "file, row 12"; rows count from 0.
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


@dataclass(frozen=True)
class Limits:
    """What ids may be, and lengths in tokens; a length that is None may be any."""

    vocabulary_size: int
    max_context: int | None
    max_draft: int | None


def read_rows(
    files: Iterable[Path | str],
    *,
    vocabulary_size: int,
    max_context: int | None = None,
    max_draft: int | None = None,
    skip_invalid: bool = False,
) -> Rows:
    """Read and check the rows of parquet files; lengths are in tokens.

    Raises:
        RowError: a file cannot be read as parquet or lacks a column; a row is invalid, unless
            ``skip_invalid``: then it is counted.
    """
    limits = Limits(vocabulary_size, max_context, max_draft)
    found = Rows([], Counter())
    for file in map(Path, files):
        columns = _columns(file)
        for number in progress(range(len(columns["checker"])), f"reading {file.name}"):
            try:
                found.rows.append(_row(columns, number, limits, f"{file}, row {number}"))
            except RowError as error:
                if not skip_invalid:
                    raise
                found.skipped[error.reason] += 1
    return found


def trainable(row: Row) -> bool:
    """Tell whether there is something to learn from a row."""
    return left_out_because(row) is None


def left_out_because(row: Row) -> str | None:
    """Return why a row teaches nothing, the same words for all such rows; None where it does."""
    if not row.baseline_right:
        return "the target's own answer is wrong"
    if not len(row.mismatches):
        return "the draft has no mismatch"
    return None


def _columns(file: Path) -> Columns:
    """Read a file; lists become arrays, a missing value None.

    Raises:
        RowError: it cannot be read as parquet; a column is missing or of another type.
    """
    try:
        table = pq.read_table(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise RowError(str(file), "cannot be read as a parquet file", str(error)) from error
    fields = [*SCHEMA, OUTCOMES] if OUTCOMES.name in table.column_names else SCHEMA
    columns = {}
    for field in fields:
        if field.name not in table.column_names:
            has = ", ".join(table.column_names)
            raise RowError(str(file), f"column {field.name} is missing", f"the file has {has}")
        columns[field.name] = _values(table[field.name], field, file)
    columns["ground_truth"] = [truth and truth["ground_truth"] for truth in columns["reward_model"]]
    return columns


def _values(column: pa.ChunkedArray, field: pa.Field, file: Path) -> list[Any]:
    try:
        values = column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        reason = f"column {field.name} has another type"
        details = f"{column.type} where {field.type} is wanted ({error})"
        raise RowError(str(file), reason, details) from error
    if not pa.types.is_list(field.type):
        scalars: list[Any] = values.to_pylist()
        return scalars
    return [array for chunk in values.chunks for array in _arrays(chunk)]


def _arrays(lists: pa.ListArray) -> Iterator[Ids | None]:
    """Make an array of every list; None where it, or a value in it, is missing."""
    values = lists.values
    ids = pc.fill_null(values.cast(pa.int64()), 0).to_numpy()
    holes = np.append(0, np.cumsum(values.is_null().to_numpy(zero_copy_only=False)))
    offsets = lists.offsets.to_numpy()
    present = lists.is_valid().to_numpy(zero_copy_only=False)
    present &= holes[offsets[1:]] == holes[offsets[:-1]]
    for start, end, is_present in zip(offsets[:-1], offsets[1:], present, strict=True):
        yield ids[start:end] if is_present else None


def _row(columns: Columns, number: int, limits: Limits, place: str) -> Row:
    values = {name: column[number] for name, column in columns.items()}
    for reason, details in _faults(values, limits):
        raise RowError(place, reason, details)
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


def _faults(values: Mapping[str, Any], limits: Limits) -> Iterator[Fault]:
    """Yield reason and details of what is wrong with a row; each check trusts those before it."""
    for name, value in values.items():
        if value is None:
            yield "a value is missing", f"{name} is, or holds, a null"
    tokens, start, target = values["input_ids"], values["draft_start_idx"], values["target_ids"]
    yield from _faults_of_lengths(len(tokens), start, len(target), limits)
    for name, ids in (("input_ids", tokens), ("target_ids", target)):
        outside = ids[(ids < 0) | (ids >= limits.vocabulary_size)]
        if len(outside):
            details = f"{outside[0]} in {name}, where ids go from 0 to {limits.vocabulary_size - 1}"
            yield "an id is outside the vocabulary", details
    if "outcomes" in values:
        given, stops = len(values["outcomes"]), np.count_nonzero(tokens[start:] != target) + 1
        if given != stops:
            yield "outcomes of the wrong length", f"{given} outcomes of {stops} stops"


def _faults_of_lengths(tokens: int, start: int, target: int, limits: Limits) -> Iterator[Fault]:
    draft = tokens - start
    if start < 1 or start > tokens:
        yield "draft_start_idx is out of range", f"it is {start} in a row of {tokens} tokens"
    if draft == 0:
        yield "the draft is empty", f"all {tokens} tokens are context"
    if draft != target:
        yield "draft and target differ in length", f"{draft} draft tokens, {target} target tokens"
    if limits.max_context is not None and start > limits.max_context:
        yield "the context is too long", f"{start} tokens where {limits.max_context} are allowed"
    if limits.max_draft is not None and draft > limits.max_draft:
        yield "the draft is too long", f"{draft} tokens where {limits.max_draft} are allowed"
