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

import random
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from operator import methodcaller
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import comparison, engine_options, json_target, report, rollout_measures, rollout_plots
from bench.engine_options import POSITIVE
from bench.engine_process import EngineError
from bench.engines import THRESHOLD_VARIABLE, EngineSetting, rounds_in_turn, running_engines
from bench.prompts import first_prompts
from bench.stepwise import Request, Rollout, roll_out_epochs
from testing import demo_model

METHODS = "none", "ngram", "sam_own", "sam_group", "sam_history"
WORDS_TO_AVOID = 2

Rounds = dict[str, list[Rollout]]


@dataclass(frozen=True)
class Shape:
    """How the requests of a rollout differ; lengths are limits in tokens."""

    group: int
    shortest: int
    longest: int
    temperature: float

    def num_prompts(self, batch: int) -> int:
        """Return how many prompts so many requests have."""
        return -(-batch // self.group)

    def requests(self, prompts: Sequence[str], batch: int, epoch: int = 0) -> list[Request]:
        """Return the requests of a rollout; the last group may be smaller than the others."""
        requests = []
        for i, limit in enumerate(spread_lengths(batch, self.shortest, self.longest)):
            prompt, sample = prompts[i // self.group], i % self.group
            sampling = self._sampling(prompt, sample, epoch)
            requests.append(Request(prompt, {**sampling, "max_tokens": limit}))
        return requests

    def _sampling(self, prompt: str, sample: int, epoch: int) -> dict[str, Any]:
        if self.temperature > 0:
            return {"temperature": self.temperature, "seed": epoch * self.group + sample}
        if sample == epoch == 0:
            return {"temperature": 0.0}
        words = re.findall(r"\w+", prompt)
        first = len(words) * sample // self.group + WORDS_TO_AVOID * epoch
        return {"temperature": 0.0, "bad_words": words[first : first + WORDS_TO_AVOID]}


def spread_lengths(count: int, shortest: int, longest: int) -> list[int]:
    """Return lengths in tokens, even in logarithm, always in the same disorder."""
    intervals = max(count - 1, 1)
    lengths = [round(longest * (shortest / longest) ** (i / intervals)) for i in range(count)]
    random.Random(0).shuffle(lengths)
    return lengths


def rollouts(
    setting: EngineSetting,
    methods: Sequence[str],
    batches: Mapping[int, Sequence[Sequence[Request]]],
    repeats: int,
) -> dict[int, list[Rounds]]:
    """Return the rounds by method, of each batch and epoch.

    Raises EngineError where an engine does not start, or ends.
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


def _batches(_context: click.Context, _parameter: click.Parameter, value: str) -> list[int]:
    try:
        batches = [int(batch) for batch in value.split(",")]
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a list of numbers such as 1,16.") from error
    if min(batches) < 1 or len(set(batches)) < len(batches):
        raise click.BadParameter("batches are different numbers from 1 on.")
    return batches


@click.command(help=__doc__, context_settings={"show_default": True})
@engine_options.MODEL
@engine_options.PROMPTS
@click.option("--batches", default="1,4,16,64,128", callback=_batches, help="Requests a rollout.")
@engine_options.GROUP
@engine_options.SHORTEST
@engine_options.longest_option(200)
@click.option("--epochs", type=POSITIVE, default=3, help="Rollouts of the same prompts.")
@click.option("--temperature", type=click.FloatRange(min=0), default=0.0, help="0 is greedy.")
@engine_options.NUM_SPECULATIVE_TOKENS
@engine_options.methods_option(METHODS)
@click.option("--threshold", type=POSITIVE, default=32, help=f"{THRESHOLD_VARIABLE} for all.")
@engine_options.repeats_option(5)
@engine_options.DTYPE
@json_target.JSON
@click.option(
    "--plots", type=click.Path(file_okay=False, path_type=Path), help="Write PNG files here."
)
def main(
    model: str | None,
    prompts: Path | None,
    batches: list[int],
    group: int,
    shortest: int,
    longest: int,
    epochs: int,
    temperature: float,
    num_speculative_tokens: int,
    methods: list[str],
    threshold: int,
    repeats: int,
    dtype: str,
    target: str | None,
    plots: Path | None,
) -> None:
    """Roll out with every method and say how long the tail took."""
    if shortest > longest:
        raise click.UsageError("--shortest is more than --longest.")
    shape = Shape(group, shortest, longest, temperature)
    num_prompts = shape.num_prompts(max(batches))
    texts = first_prompts(prompts, num_prompts, num_prompts)
    model = model or str(demo_model.path())
    setting = EngineSetting(model, max(batches), num_speculative_tokens, threshold, dtype)
    requests = {
        batch: [shape.requests(texts, batch, epoch) for epoch in range(epochs)] for batch in batches
    }
    try:
        rounds = rollouts(setting, methods, requests, repeats)
    except EngineError as error:
        raise click.ClickException(str(error)) from error
    runs = [run for batch in batches for run in _runs(batch, rounds[batch], threshold, temperature)]
    click.echo(rollout_measures.table(runs), err=target == json_target.STANDARD_OUTPUT)
    if target:
        about = {**report.circumstances(), **asdict(setting), **asdict(shape)}
        json_target.write({**about, "runs": runs}, target)
    if plots:
        rollout_plots.write(rounds, threshold, plots)
    sys.exit(1 if any(run["differing"] for run in runs) else 0)


def _runs(
    batch: int, epochs: Sequence[Rounds], threshold: int, temperature: float
) -> list[dict[str, Any]]:
    return [
        {
            "batch": batch,
            "epoch": epoch,
            "method": method,
            **rollout_measures.measures(found, rounds[comparison.REFERENCE], threshold),
            "differing": None
            if temperature
            else rollout_measures.differing(found, rounds[comparison.REFERENCE]),
        }
        for epoch, rounds in enumerate(epochs, 1)
        for method, found in rounds.items()
    ]


if __name__ == "__main__":
    main(prog_name="python -m bench.rollout")
