"""Pictures of evaluations and of training runs can be opened, and show what was given."""

import numpy as np
import pytest
from matplotlib.image import imread
from spd.evaluation import evaluation
from spd.plots import Line, accepted, learning_curves, trade_off
from spd.stops import Stops

from testing.scorer_rows import make_row

ROW = make_row([1, 2, 3], [1, 5, 4], [True, True, False])
WITHOUT_MISMATCH = make_row([1], [1], [True])


def evaluated(rows, probability):
    scores = [np.full(len(row.draft), probability) for row in rows]
    return evaluation(Stops.of(rows), scores, 0.5, str)


def is_drawn(path):
    """Whether the file is a PNG with something on the white."""
    image = imread(path)
    return image.shape[0] > 400 and image.shape[1] > 1000 and image[..., :3].min() < 0.5


@pytest.mark.parametrize("rows", [[ROW], [WITHOUT_MISMATCH]], ids=["judged", "nothing to judge"])
def test_a_trade_off_is_drawn(tmp_path, rows):
    file = tmp_path / "trade_off.of.two"
    trade_off({"seed 0": evaluated(rows, 0.4), "seed 1": evaluated(rows, 0.9)}, file)
    assert is_drawn(file)


def test_learning_curves_are_drawn_of_runs_that_logged_little(tmp_path):
    steps = [
        {"step": 0, "val-aux/spd_scorer/harmful/mean@1": 0.5},
        {"step": 1, "critic/score/mean": 0.3, "actor/kl_loss": 0.0},
        {"step": 2, "critic/score/mean": 0.4, "actor/kl_loss": 0.1},
    ]
    file = tmp_path / "curves.png"
    learning_curves({"seed 0": steps, "seed 1": steps[:1]}, file)
    assert is_drawn(file)


def test_a_line_holds_the_steps_that_have_a_value():
    steps = [{"step": 0}, {"step": 5, "it": 0.25}, {"step": 6, "it": 0.5}]
    assert Line("it").points(steps) == ([5, 6], [0.25, 0.5])


def test_an_accept_rate_is_of_all_mismatches_of_its_kind():
    many, none = ({"step": step, **counts} for step, counts in ((1, mean(3, 4)), (2, mean(0, 0))))
    assert accepted("harmful", "-").points([many, none]) == ([1], [0.75])


def mean(accepted_harmful, harmful):
    """What verl logs of a validation: means over the prompts."""
    counts = {"accepted_harmful": accepted_harmful, "harmful": harmful}
    return {f"val-aux/spd_scorer/{name}/mean@1": count / 8 for name, count in counts.items()}
