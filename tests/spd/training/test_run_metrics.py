"""Metrics of runs that were interrupted."""

import json

from specroll_scorer.training import run_metrics


def lines(*steps, value=0):
    return "".join(json.dumps({"step": s, "data": {"reward": value}}) + "\n" for s in steps)


def test_metrics_of_a_run_that_went_on(tmp_path):
    """What was done again after the last checkpoint counts as it was the second time."""
    run_metrics.next_part(tmp_path).write_text(lines(0, 1, 2, 3, 4) + '{"step": 5, "da')
    run_metrics.next_part(tmp_path).write_text("")
    validation = json.dumps({"step": 2, "data": {"validation": 5}})
    run_metrics.next_part(tmp_path).write_text(f"{validation}\n" + lines(3, value=1))
    run_metrics.join(tmp_path)
    found = run_metrics.read(tmp_path)
    assert [(each["step"], each["reward"]) for each in found] == [(0, 0), (1, 0), (2, 0), (3, 1)]
    assert found[2]["validation"] == 5
