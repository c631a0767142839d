"""The command `train`: what it refuses at once; whole runs are in tests/spd/verl."""

import click
import pytest
from specroll_scorer.commands.train import refuse_own_keys


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.save_freq=-1", "save every 1 step or more"),
        ("trainer.save_freq=0", "save every 1 step or more"),
        ("++trainer.default_local_dir=/elsewhere", "see --output"),
    ],
)
def test_overrides_after_which_there_is_no_scorer(override, message):
    with pytest.raises(click.UsageError, match=message):
        refuse_own_keys(["trainer.save_freq=5", override])
