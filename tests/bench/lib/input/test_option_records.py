"""Options of a command as one record."""

from dataclasses import dataclass

import click
from click.testing import CliRunner

from bench.lib.input.option_records import options_as


@dataclass(frozen=True)
class Choice:
    batch: int
    quick: bool


@click.command()
@click.option("--batch", type=int, default=4)
@click.option("--quick", is_flag=True)
@options_as(Choice)
def command(chosen):
    """Print what was chosen."""
    click.echo(chosen)


def test_options_come_as_one_record():
    outcome = CliRunner().invoke(command, ["--quick"])
    assert outcome.stdout == f"{Choice(4, True)}\n"


def test_the_help_is_the_commands():
    assert "Print what was chosen." in CliRunner().invoke(command, ["--help"]).stdout
