"""What do the steps of an engine cost, and how much of a draft does it accept?

A rollout such as that of bench.rollout, greedy and on prompts of its own, runs in turn in an engine
without speculation and in one with sam. From their steps, each with its median time of the rounds,
a linear cost is fitted, and the acceptance counted; both can be given to the planner.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from operator import methodcaller
from pathlib import Path

import click

from bench.lib.engines import options
from bench.lib.engines.methods import THRESHOLD_VARIABLE
from bench.lib.engines.options import POSITIVE, EngineChoice, ShapeOptions
from bench.lib.engines.process import EngineError
from bench.lib.engines.requests import Request
from bench.lib.engines.stepping import Rollout, Step, roll_out_epochs, typical
from bench.lib.engines.turns import EngineSetting, rounds_in_turn, running_engines
from bench.lib.input.option_records import options_as
from bench.lib.input.prompts import first_prompts
from bench.lib.output import files, tables
from bench.lib.output.circumstances import circumstances
from bench.lib.output.results import STANDARD_OUTPUT, write_json
from planner import acceptance_profile, cost_model
from planner.acceptance_profile import AcceptanceProfile
from planner.cost_model import LinearCost, Load

METHODS = "none", "sam"


def measure(
    setting: EngineSetting, requests: Sequence[Request], repeats: int
) -> dict[str, list[Rollout]]:
    """Return the rounds without speculation and with sam.

    Raises:
        EngineError: an engine does not start, or ends.
    """
    with running_engines(setting, METHODS) as engines:
        rounds = rounds_in_turn(engines, repeats, methodcaller("run", roll_out_epochs, [requests]))
    return {method: [epochs[0] for epochs in each] for method, each in rounds.items()}


def cost(none: Rollout, sam: Rollout) -> LinearCost:
    """Fit the cost to the steps of a rollout without speculation and of one with it."""
    loads = [*map(load, none.steps), *map(partial(load, has_drafter=True), sam.steps)]
    return cost_model.fitted(loads, [step.seconds for step in (*none.steps, *sam.steps)])


def load(step: Step, has_drafter: bool = False) -> Load:
    """Return what a step had to do, in an engine with a drafter or without."""
    return Load(
        step.running,
        context_tokens=step.context_tokens,
        prompt_tokens=step.prompt_tokens,
        draft_tokens=step.draft_tokens,
        verifying=float(step.draft_tokens > 0),
        followed=step.running * has_drafter,
    )


def acceptance(sam: Rollout, threshold: int, longest_draft: int) -> AcceptanceProfile:
    """Count what was drafted and accepted in the steps that speculate.

    Raises:
        ValueError: there are none.
    """
    steps = [step for step in sam.steps if _speculates(step, threshold)]
    if not steps:
        raise ValueError(f"no step had at most {threshold} requests")
    requests = sum(step.running for step in steps)
    drafted = _summed([step.drafted_at for step in steps], longest_draft)
    accepted = _summed([step.accepted_at for step in steps], longest_draft)
    return acceptance_profile.of_counts(requests, drafted, accepted)


def _speculates(step: Step, threshold: int) -> bool:
    return step.prompt_tokens == 0 and (threshold <= 0 or step.running <= threshold)


def _summed(counts: Sequence[Sequence[int]], places: int) -> list[int]:
    """Sum counts place by place; a count that ends early has nothing there."""
    return [sum(each[place] for each in counts if place < len(each)) for place in range(places)]


@dataclass(frozen=True)
class Choice(EngineChoice, ShapeOptions):
    """What the command is told; its help says what each option means."""

    threshold: int
    prompts: Path | None
    batch: int
    repeats: int
    cost_file: str | None
    acceptance_file: str | None
    json_file: str | None


@click.command(help=__doc__, context_settings={"show_default": True})
@options.MODEL
@options.PROMPTS
@click.option("--batch", type=POSITIVE, default=96, help="Requests of the rollout.")
@options.shape_options(longest=250)
@click.option(
    "--num-speculative-tokens",
    type=POSITIVE,
    default=8,
    help="Tokens a draft at most; the planner concludes to shorter ones, not to longer ones.",
)
@click.option("--threshold", type=int, default=32, help=f"{THRESHOLD_VARIABLE}; 0: any batch.")
@options.repeats_option(15)
@options.DTYPE
@click.option(
    "--cost", "cost_file", type=files.JSON_FILE, help="Write the cost here; - is standard output."
)
@click.option(
    "--acceptance",
    "acceptance_file",
    type=files.JSON_FILE,
    help="Write the acceptance here; - is standard output.",
)
@files.JSON
@options_as(Choice)
def main(chosen: Choice) -> None:
    """Measure and say what was found."""
    shape = chosen.shape()
    num_prompts = shape.num_prompts(chosen.batch)
    texts = first_prompts(chosen.prompts, num_prompts, num_prompts)
    setting = chosen.setting(chosen.batch)
    try:
        rounds = measure(setting, shape.requests(texts, chosen.batch), chosen.repeats)
        none, sam = (typical(rounds[method]) for method in METHODS)
        profile = acceptance(sam, chosen.threshold, chosen.num_speculative_tokens)
    except (EngineError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    step_cost = cost(none, sam)
    about = {**circumstances(), **asdict(setting), **asdict(shape)}
    found = {"cost": cost_model.as_json(step_cost), "acceptance": asdict(profile)}
    targets = chosen.cost_file, chosen.acceptance_file, chosen.json_file
    click.echo(table(step_cost, profile), err=STANDARD_OUTPUT in targets)
    for file, content in zip(targets, (*found.values(), {**about, **found}), strict=True):
        if file:
            write_json(content, file)


def table(step_cost: LinearCost, profile: AcceptanceProfile) -> str:
    """Return the terms of the cost in microseconds, and the acceptance in shares of steps."""
    terms = [[name, f"{1e6 * seconds:.1f}"] for name, seconds in asdict(step_cost).items()]
    places = zip(profile.drafted, profile.accepted, strict=True)
    rows = [[str(i), f"{d:.3f}", f"{a:.3f}"] for i, (d, a) in enumerate(places, 1)]
    costs = tables.table(["cost of a", "µs"], 1, terms)
    return f"{costs}\n\n{tables.table(['draft token', 'drafted', 'accepted'], 1, rows)}"


if __name__ == "__main__":
    main(prog_name="python -m planner.calibration")
