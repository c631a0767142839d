"""Runs of verl's trainer that do not start; those that do are in tests/spd/verl."""

import pytest
from specroll_scorer.verl_fsdp_workers.training_run import TrainingError, run_training


def test_an_override_that_verl_does_not_take():
    with pytest.raises(TrainingError, match=r"verl does not take these overrides: .*stpes"):
        run_training(["trainer.stpes=3"])
