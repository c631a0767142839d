"""The SPD scorer from the command line: `python -m train_spd_scorer --help`."""

import click
from spd.evaluate import evaluate
from spd.prepare import prepare
from spd.train import run_training, train

__all__ = ["main", "run_training"]


@click.group()
def main() -> None:
    """Make, train and judge a model that says which mismatching draft tokens may be accepted."""


main.add_command(prepare)
main.add_command(train)
main.add_command(evaluate)

if __name__ == "__main__":
    main()
