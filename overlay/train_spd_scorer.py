"""The SPD scorer from the command line: prepare data, train with GRPO on verl, evaluate."""

import click
from spd.evaluate import evaluate
from spd.prepare import prepare
from spd.train import run_training, train

__all__ = ["main", "run_training"]


@click.group()
def main() -> None:
    """Train a model that judges which mismatching draft tokens may be accepted."""


main.add_command(prepare)
main.add_command(train)
main.add_command(evaluate)

if __name__ == "__main__":
    main()
