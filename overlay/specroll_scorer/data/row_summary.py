"""What is worth knowing of rows at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from specroll_scorer.data.rows import Row, left_out_because


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the numbers of rows in all and of those to train on, means a row, shares of rows.

    Args:
        rows: one or more.
    """
    reasons = [left_out_because(row) for row in rows]
    return {
        "rows": len(rows),
        "draft_tokens": float(np.mean([len(row.draft) for row in rows])),
        "mismatches": float(np.mean([len(row.mismatches) for row in rows])),
        "without_mismatch": float(np.mean([not len(row.mismatches) for row in rows])),
        "baseline_wrong": float(np.mean([not row.baseline_right for row in rows])),
        "trainable": reasons.count(None),
    }


def described(found: Mapping[str, Any], file: Path) -> str:
    """Return the summary of a file's rows in words."""
    return (
        f"{file}: {found['rows']} rows, of which {found['trainable']} can be trained on\n"
        f"  draft tokens a row          {found['draft_tokens']:.1f}\n"
        f"  mismatches a row            {found['mismatches']:.2f}\n"
        f"  rows without a mismatch     {found['without_mismatch']:.1%}\n"
        f"  target's own answer wrong   {found['baseline_wrong']:.1%}"
    )
