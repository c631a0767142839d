"""The SPD scorer from the command line: prepare data, train with GRPO on verl, evaluate."""

import click

from spd.train import run_training, train

__all__ = ["main", "run_training"]


@click.group()
def main() -> None:
    """Train a model that judges which mismatching draft tokens may be accepted."""


main.add_command(train)

if __name__ == "__main__":
    main()
