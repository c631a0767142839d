"""The columns of the parquet files that a scorer is trained on, one row a prompt.

data_source      "spd_scorer"
input_ids        token ids of the context and the draft
draft_start_idx  length of the context
target_ids       what the target would say at each draft position, given all before it
reward_model     struct: style "rule", ground_truth
checker          name of the function that checks answers, see `answers/checkers.py`
baseline         the target's own greedy answer to the context
baseline_right   whether that answer is right
extra_info       struct: index
outcomes         optional: for each stop whether the answer is right where the target completes
                 the context and the draft up to there
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from specroll_scorer.data.row_faults import RowError

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


def read_columns(file: Path) -> Columns:
    """Read the columns of a parquet file.

    Returns:
        Values of each column of `SCHEMA`, of `OUTCOMES` where the file has them, and the
        `ground_truth` of `reward_model`; lists are arrays, a missing value is None.

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
