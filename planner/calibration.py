"""What do the steps of an engine cost, and how much of a draft does it accept?

A rollout such as that of bench/rollout.py, greedy and on prompts of its own, runs in turn in an
engine without speculation and in one with sam. From their steps, each with its median time of the
rounds, a linear cost is fitted, and the acceptance counted; both can be given to bench/planner.py.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from operator import methodcaller
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import acceptance_profile, cost_model, engine_options, json_target, report
from bench.acceptance_profile import AcceptanceProfile
from bench.cost_model import LinearCost, Load
from bench.engine_options import POSITIVE
from bench.engine_process import EngineError
from bench.engines import THRESHOLD_VARIABLE, EngineSetting, rounds_in_turn, running_engines
from bench.prompts import first_prompts
from bench.rollout import Shape
from bench.stepwise import Request, Rollout, Step, roll_out_epochs, typical
from testing import demo_model

METHODS = "none", "sam"


def measure(
    setting: EngineSetting, requests: Sequence[Request], repeats: int
) -> dict[str, list[Rollout]]:
    """Return the rounds without speculation and with sam.

    Raises EngineError where an engine does not start, or ends.
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

    Raises ValueError where there are none.
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


@click.command(help=__doc__, context_settings={"show_default": True})
@engine_options.MODEL
@engine_options.PROMPTS
@click.option("--batch", type=POSITIVE, default=96, help="Requests of the rollout.")
@engine_options.GROUP
@engine_options.SHORTEST
@engine_options.longest_option(250)
@click.option(
    "--num-speculative-tokens",
    type=POSITIVE,
    default=8,
    help="Tokens a draft at most; the planner concludes to shorter ones, not to longer ones.",
)
@click.option("--threshold", type=int, default=32, help=f"{THRESHOLD_VARIABLE}; 0: any batch.")
@engine_options.repeats_option(15)
@engine_options.DTYPE
@click.option(
    "--cost", "cost_file", type=json_target.FILE, help="Write the cost here; - is standard output."
)
@click.option(
    "--acceptance",
    "acceptance_file",
    type=json_target.FILE,
    help="Write the acceptance here; - is standard output.",
)
@json_target.JSON
def main(
    model: str | None,
    prompts: Path | None,
    batch: int,
    group: int,
    shortest: int,
    longest: int,
    num_speculative_tokens: int,
    threshold: int,
    repeats: int,
    dtype: str,
    cost_file: str | None,
    acceptance_file: str | None,
    target: str | None,
) -> None:
    """Measure and say what was found."""
    if shortest > longest:
        raise click.UsageError("--shortest is more than --longest.")
    shape = Shape(group, shortest, longest, temperature=0.0)
    num_prompts = shape.num_prompts(batch)
    requests = shape.requests(first_prompts(prompts, num_prompts, num_prompts), batch)
    model = model or str(demo_model.path())
    setting = EngineSetting(model, batch, num_speculative_tokens, threshold, dtype)
    try:
        rounds = measure(setting, requests, repeats)
        none, sam = (typical(rounds[method]) for method in METHODS)
        profile = acceptance(sam, threshold, num_speculative_tokens)
    except (EngineError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    step_cost = cost(none, sam)
    files = cost_file, acceptance_file, target
    click.echo(table(step_cost, profile), err=json_target.STANDARD_OUTPUT in files)
    found = {"cost": cost_model.as_json(step_cost), "acceptance": asdict(profile)}
    about = {**report.circumstances(), **asdict(setting), **asdict(shape)}
    for file, content in zip(files, (*found.values(), {**about, **found}), strict=True):
        if file:
            json_target.write(content, file)


def table(step_cost: LinearCost, profile: AcceptanceProfile) -> str:
    """Return the terms of the cost in microseconds, and the acceptance in shares of steps."""
    terms = [[name, f"{1e6 * seconds:.1f}"] for name, seconds in asdict(step_cost).items()]
    places = zip(profile.drafted, profile.accepted, strict=True)
    rows = [[str(i), f"{d:.3f}", f"{a:.3f}"] for i, (d, a) in enumerate(places, 1)]
    costs = report.table(["cost of a", "µs"], 1, terms)
    return f"{costs}\n\n{report.table(['draft token', 'drafted', 'accepted'], 1, rows)}"


if __name__ == "__main__":
    main(prog_name="python -m bench.calibration")
