"""Rows of a scorer's data, made by hand, and files of them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from specroll_scorer.data.row_columns import DATA_SOURCE
from specroll_scorer.data.rows import Row


def make_row(
    draft: Sequence[int],
    target: Sequence[int],
    outcomes: Sequence[bool] | None,
    context: Sequence[int] = (10,),
    place: str = "made by hand",
) -> Row:
    """Return a row whose baseline is right."""
    context_ids, draft_ids, target_ids = (
        np.array(tokens, np.int64) for tokens in (context, draft, target)
    )
    known = None if outcomes is None else np.array(outcomes, np.bool_)
    return Row(context_ids, draft_ids, target_ids, "0", "math_verify", True, known, place)


def write_rows(rows: Iterable[Row], file: Path) -> Path:
    """Write rows as `prepare` does; with outcomes where the first one has them."""
    pq.write_table(pa.Table.from_pylist([_columns(row, i) for i, row in enumerate(rows)]), file)
    return file


def _columns(row: Row, index: int) -> dict[str, Any]:
    columns = {
        "data_source": DATA_SOURCE,
        "input_ids": [*row.context.tolist(), *row.draft.tolist()],
        "draft_start_idx": len(row.context),
        "target_ids": row.target.tolist(),
        "reward_model": {"style": "rule", "ground_truth": row.ground_truth},
        "checker": row.checker,
        "baseline": "",
        "baseline_right": row.baseline_right,
        "extra_info": {"index": index},
    }
    if row.outcomes is not None:
        columns["outcomes"] = row.outcomes.tolist()
    return columns
