"""docs/scorer.md knows every command, its options, and the columns of a row."""

from pathlib import Path

import pytest
from spd.rows import OUTCOMES, SCHEMA
from train_spd_scorer import main

PAGE = (Path(__file__).parents[2] / "docs" / "scorer.md").read_text()


@pytest.mark.parametrize("name", main.commands)
def test_every_option_is_documented(name):
    section = PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    options = {option for each in main.commands[name].params for option in each.opts}
    missing = {option for option in options if option.startswith("--") and option not in section}
    assert not missing


@pytest.mark.parametrize("column", [*SCHEMA.names, OUTCOMES.name])
def test_every_column_is_documented(column):
    assert f"`{column}`" in PAGE
