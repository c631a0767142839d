"""Does a scorer learn which mismatches are harmless?

A task's target and draft model are made, or taken from the cache; "easy" and "hard" are those of
demo/scorer_tasks. Then the commands of `train_spd_scorer` run as a user would run them:
`prepare` for three files of prompts that share none, `train` on the first, with the second as
validation, and `eval` on the third. On the second file settings are tuned, the third is reported.
Every seed is a training of its own on the same rows; the figures of a policy are medians.

What a command made is kept in the folder and not made again, and a command that was interrupted
goes on: the same call with the same --folder ends what was begun. `wall_s` is the time of the
models and the commands, of an interrupted one that of its last run.
"""

import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
from specroll_scorer.evaluation.trade_off_plot import trade_off
from specroll_scorer.training import run_metrics
from specroll_scorer.training.learning_curves import learning_curves

from bench.lib.input.number_lists import numbers
from bench.lib.output import files
from bench.lib.output.circumstances import circumstances
from bench.lib.output.results import Results
from bench.lib.scorer import figures
from bench.lib.scorer.commands import CommandError
from bench.lib.scorer.experiment import Experiment
from demo.scorer_tasks import TASKS

ABOUT = "task", "steps", "penalty", "reads_target"


def result(experiment: Experiment, seeds: Sequence[int]) -> dict[str, Any]:
    """Return all that was found, ready for JSON.

    Raises:
        CommandError: a command failed.
        OSError: the models or the folder cannot be made.
    """
    found = experiment.measured(seeds)
    about = {name: getattr(experiment, name) for name in ABOUT}
    medians = figures.medians(found["by_seed"])
    return {**medians, **about, "seeds": list(seeds), **found, **circumstances()}


def draw(experiment: Experiment, found: Mapping[str, Any], folder: Path) -> None:
    """Write the pictures of all seeds into a folder."""
    by_seed = {f"seed {each['seed']}": each for each in found["by_seed"]}
    trade_off(by_seed, folder / "trade_off.png")
    learnt = {
        name: run_metrics.read(experiment.run_folder(each["seed"]))
        for name, each in by_seed.items()
    }
    learning_curves(learnt, folder / "learning_curves.png")


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--task", type=click.Choice(list(TASKS)), default="easy", help="What is learnt.")
@click.option(
    "--seeds",
    default="0",
    callback=numbers("0,1,2", "seed"),
    help="One training each, such as 0,1,2.",
)
@click.option("--steps", type=click.IntRange(min=1), default=60, help="Training steps.")
@click.option(
    "--penalty",
    type=click.FloatRange(min=0),
    default=0.03,
    help="Weight of the L2 penalty on accept logits; 0: plain GRPO.",
)
@click.option("--reads-target", is_flag=True, help="The head sees the target's choices, too.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep everything here, and go on from what is there; a new folder where absent.",
)
@files.JSON
def main(
    task: str,
    seeds: list[int],
    steps: int,
    penalty: float,
    reads_target: bool,
    folder: Path | None,
    json_file: str | None,
) -> None:
    """Train and measure, and say what was found."""
    folder = folder or Path(tempfile.mkdtemp(prefix=f"scorer-{task}-"))
    click.echo(f"Everything is kept in {folder}; --folder {folder} goes on from there.", err=True)
    experiment = Experiment(task, steps, penalty, reads_target, folder.absolute())
    try:
        found = result(experiment, seeds)
    except (CommandError, OSError) as error:
        raise click.ClickException(str(error)) from error
    missed = [f"MISSED: {sentence}" for sentence in figures.missed(found)]
    words = "\n".join([figures.table(found), *missed])
    Results(json_file, experiment.runs_folder).deliver(
        words, found, partial(draw, experiment, found)
    )


if __name__ == "__main__":
    main(prog_name="python -m bench.scorer")
