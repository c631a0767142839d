"""Pictures of evaluations can be opened, and show what was given."""

import numpy as np
import pytest
from specroll_scorer.data.stops import Stops
from specroll_scorer.evaluation.threshold_sweep import threshold_sweep
from specroll_scorer.evaluation.trade_off_plot import trade_off

from testing.scorer_rows import make_row

ROW = make_row([1, 2, 3], [1, 5, 4], [True, True, False])
WITHOUT_MISMATCH = make_row([1], [1], [True])


def evaluated(rows, probability):
    scores = [np.full(len(row.draft), probability) for row in rows]
    return threshold_sweep(Stops.of(rows), scores, 0.5, str)


@pytest.mark.parametrize("rows", [[ROW], [WITHOUT_MISMATCH]], ids=["judged", "nothing to judge"])
def test_a_trade_off_is_drawn(tmp_path, is_drawn, rows):
    file = tmp_path / "trade_off.of.two"
    trade_off({"seed 0": evaluated(rows, 0.4), "seed 1": evaluated(rows, 0.9)}, file)
    assert is_drawn(file)
