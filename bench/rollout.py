"""What does speculation bring in a rollout whose answers differ in length?

All requests of a rollout come at once, in groups that share a prompt, and their limits are spread
evenly in logarithm: a few long answers decide when it ends. Every method has a vLLM engine of its
own; all stay alive and take turns, round by round. An engine is stepped in its process, and each
step recorded. The tail are the steps with at most as many requests running as speculate, the crowd
is what comes before.

Decoding is greedy, so that tokens can be compared: they must be those of the method ``none``, and
the exit code is 1 where they are not. Greedy answers to one prompt would all be the same, so each
sample of a group but the first must do without two words of the prompt, others for each. Answers
of the demo model then part about as early as sampled ones; penalties would do that too, but to
apply them to drafts nearly doubles the toy's step. With a temperature answers are sampled instead,
and tokens not compared.

An answer ends with its end token or at its limit: what a model writes past its end is a loop, which
any method drafts.

A round is several epochs: the same prompts and limits come back, and each sample must do without
other words, for the model that writes in a later epoch has learnt since. Drafters begin every round
anew. Only ``sam_history`` knows the epochs before.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any

import click

from bench.lib.engines import options
from bench.lib.engines.methods import REFERENCE, THRESHOLD_VARIABLE
from bench.lib.engines.options import POSITIVE, EngineChoice, ShapeOptions
from bench.lib.engines.process import EngineError
from bench.lib.engines.requests import Request
from bench.lib.engines.stepping import Rollout, roll_out_epochs
from bench.lib.engines.turns import EngineSetting, rounds_in_turn, running_engines
from bench.lib.input.number_lists import numbers
from bench.lib.input.option_records import options_as
from bench.lib.input.prompts import first_prompts
from bench.lib.measures import rollouts as measures
from bench.lib.output import files
from bench.lib.output.circumstances import circumstances
from bench.lib.output.results import Results
from bench.lib.plots import rollout as plots

METHODS = "none", "ngram", "sam_own", "sam_group", "sam_history"

Rounds = dict[str, list[Rollout]]


@dataclass(frozen=True)
class Choice(EngineChoice, ShapeOptions):
    """What the command is told; its help says what each option means."""

    threshold: int
    prompts: Path | None
    batches: list[int]
    epochs: int
    temperature: float
    methods: list[str]
    repeats: int
    json_file: str | None
    pictures: Path | None


def rollouts(
    setting: EngineSetting,
    methods: Sequence[str],
    batches: Mapping[int, Sequence[Sequence[Request]]],
    repeats: int,
) -> dict[int, list[Rounds]]:
    """Return the rounds by method, of each batch and epoch.

    Raises:
        EngineError: an engine does not start, or ends.
    """
    with running_engines(setting, methods) as engines:
        return {
            batch: _by_epoch(
                rounds_in_turn(engines, repeats, methodcaller("run", roll_out_epochs, epochs))
            )
            for batch, epochs in batches.items()
        }


def _by_epoch(rounds: Mapping[str, Sequence[Sequence[Rollout]]]) -> list[Rounds]:
    """Return the rounds of each epoch, from the epochs of each round."""
    epochs = {method: list(zip(*each, strict=True)) for method, each in rounds.items()}
    turned = zip(*epochs.values(), strict=True)
    return [dict(zip(epochs, map(list, each), strict=True)) for each in turned]


@click.command(help=__doc__, context_settings={"show_default": True})
@options.MODEL
@options.PROMPTS
@click.option(
    "--batches",
    default="1,4,16,64,128",
    callback=numbers("1,16", "batch", least=1),
    help="Requests a rollout.",
)
@options.shape_options(longest=200)
@click.option("--epochs", type=POSITIVE, default=3, help="Rollouts of the same prompts.")
@click.option("--temperature", type=click.FloatRange(min=0), default=0.0, help="0 is greedy.")
@options.NUM_SPECULATIVE_TOKENS
@options.methods_option(METHODS)
@click.option("--threshold", type=POSITIVE, default=32, help=f"{THRESHOLD_VARIABLE} for all.")
@options.repeats_option(5)
@options.DTYPE
@files.JSON
@files.PLOTS
@options_as(Choice)
def main(chosen: Choice) -> None:
    """Roll out with every method and say how long the tail took."""
    shape, most = chosen.shape(chosen.temperature), max(chosen.batches)
    num_prompts = shape.num_prompts(most)
    texts = first_prompts(chosen.prompts, num_prompts, num_prompts)
    setting = chosen.setting(most)
    requests = {
        batch: [shape.requests(texts, batch, epoch) for epoch in range(chosen.epochs)]
        for batch in chosen.batches
    }
    try:
        rounds = rollouts(setting, chosen.methods, requests, chosen.repeats)
    except EngineError as error:
        raise click.ClickException(str(error)) from error
    runs = [run for batch in chosen.batches for run in _runs(batch, rounds[batch], chosen)]
    found = {**circumstances(), **asdict(setting), **asdict(shape), "runs": runs}
    draw = partial(plots.write, rounds, chosen.threshold)
    Results(chosen.json_file, chosen.pictures).deliver(measures.table(runs), found, draw)
    sys.exit(1 if any(run["differing"] for run in runs) else 0)


def _runs(batch: int, epochs: Sequence[Rounds], chosen: Choice) -> list[dict[str, Any]]:
    """Return the measures of each method in each epoch; sampled tokens are not compared."""
    is_greedy = chosen.temperature == 0
    return [
        {
            "batch": batch,
            "epoch": epoch,
            "method": method,
            **measures.measures(found, rounds[REFERENCE], chosen.threshold),
            "differing": measures.differing(found, rounds[REFERENCE]) if is_greedy else None,
        }
        for epoch, rounds in enumerate(epochs, 1)
        for method, found in rounds.items()
    ]


if __name__ == "__main__":
    main(prog_name="python -m bench.rollout")
