"""The SPD scorer from the command line: `python -m train_spd_scorer --help`."""

import click
from specroll_scorer.commands.evaluate import evaluate
from specroll_scorer.commands.prepare import prepare
from specroll_scorer.commands.train import train
from specroll_scorer.verl_fsdp_workers.training_run import run_training

__all__ = ["main", "run_training"]


@click.group()
def main() -> None:
    """Make, train and judge a model that says which mismatching draft tokens may be accepted."""


main.add_command(prepare)
main.add_command(train)
main.add_command(evaluate)

if __name__ == "__main__":
    main()
