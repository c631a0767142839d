"""Does the planner predict what a real engine does?

The planner is calibrated on one rollout and predicts two others, which differ in the number of
requests, their prompts and lengths, the threshold and the draft length, each without speculation
and with sam. The planner knows of these their settings, and the lengths that the answers turn out
to have.

All run in every round, in turn, in engines that stay alive: what else the machine does meets all of
them. The rounds are alike, step by step. The calibration takes the median time of each step over
the rounds, and a prediction is compared with the median round. The exit code is 1 where a
prediction is more than 15 % off.
"""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import click

import demo.model
from bench.lib.engines.options import DTYPE, MODEL, repeats_option
from bench.lib.engines.process import EngineError, EngineProcess
from bench.lib.engines.requests import Request, Shape
from bench.lib.engines.stepping import Rollout, roll_out_epochs, typical
from bench.lib.engines.turns import EngineSetting, running_engines
from bench.lib.input.prompts import first_prompts
from bench.lib.output import files, tables
from bench.lib.output.circumstances import circumstances
from bench.lib.output.progress import progress
from bench.lib.output.results import Results
from planner import calibration
from planner.predictions import Cluster
from planner.simulation import EngineShape, Groups, Speculation

LARGEST_ERROR = 0.15
GROUP = 8


@dataclass(frozen=True)
class Workload:
    """A rollout: how many requests, their limits in tokens, and how sam speculates.

    Example: ``Workload("small", 16, 20, 60, 4, 3).requests(prompts)``.
    """

    name: str
    batch: int
    shortest: int
    longest: int
    threshold: int
    num_speculative_tokens: int

    def requests(self, prompts: Sequence[str]) -> list[Request]:
        """Return the requests, greedy, in groups that share a prompt."""
        return Shape(GROUP, self.shortest, self.longest, 0.0).requests(prompts, self.batch)

    @property
    def num_prompts(self) -> int:
        """How many prompts the requests have."""
        return -(-self.batch // GROUP)


CALIBRATION = Workload("calibration", 96, 20, 250, 32, 5)
PREDICTED = (
    Workload("fewer and shorter", 40, 20, 200, 16, 3),
    Workload("more, speculating earlier", 128, 10, 300, 64, 2),
)
WORKLOADS = (CALIBRATION, *PREDICTED)

# Rollouts by workload and method.
Rollouts = Mapping[tuple[str, str], Rollout]


def measure(model: str, dtype: str, repeats: int) -> Sequence[Rollouts]:
    """Run all workloads in turn, ``repeats`` times after once that does not count.

    Raises:
        EngineError: an engine does not start, or ends.
    """
    requests = _requests()
    with ExitStack() as stack:
        engines = _engines(stack, model, dtype)
        turns = progress(range(repeats + 1), "rounds", "round")
        rounds = [
            {
                key: engine.run(roll_out_epochs, [requests[key[0]]])[0]
                for key, engine in engines.items()
            }
            for _ in turns
        ]
    return rounds[1:]


def _requests() -> dict[str, list[Request]]:
    """Return the requests of each workload; no two have a prompt in common."""
    texts = iter(first_prompts(None, None, sum(each.num_prompts for each in WORKLOADS)))
    return {
        each.name: each.requests([next(texts) for _ in range(each.num_prompts)])
        for each in WORKLOADS
    }


def _engines(stack: ExitStack, model: str, dtype: str) -> dict[tuple[str, str], EngineProcess]:
    """Start an engine with sam for each workload, and one without speculation for all."""
    batch = max(each.batch for each in WORKLOADS)
    setting = EngineSetting(model, batch, 1, None, dtype)
    none = stack.enter_context(running_engines(setting, ["none"]))["none"]
    engines = {}
    for each in WORKLOADS:
        setting = EngineSetting(model, batch, each.num_speculative_tokens, each.threshold, dtype)
        engines[each.name, "none"] = none
        sam = stack.enter_context(running_engines(setting, ["sam"]))["sam"]
        engines[each.name, "sam"] = sam
    return engines


def predicted_seconds(calibrated: Rollouts) -> dict[tuple[str, str], float]:
    """Return what the planner, calibrated on one of the rollouts, predicts for each of them."""
    none, sam = (calibrated[CALIBRATION.name, method] for method in calibration.METHODS)
    cost = calibration.cost(none, sam)
    longest = CALIBRATION.num_speculative_tokens
    profile = calibration.acceptance(sam, CALIBRATION.threshold, longest)
    found = {}
    for each in WORKLOADS:
        without = calibrated[each.name, "none"]
        # Short prompts fill no block of the prefix cache: all are computed.
        prompt_tokens = round(without.steps[0].prompt_tokens / each.batch)
        cluster = Cluster(cost, EngineShape(each.batch, prompt_tokens, prefix_caching=False))
        speculation = Speculation(each.threshold, profile.limited(each.num_speculative_tokens))
        found[each.name, "none"] = cluster.rollout(_lengths(without)).seconds
        found[each.name, "sam"] = cluster.rollout(_lengths(without), speculation).seconds
    return found


def _lengths(rollout: Rollout) -> Groups:
    lengths = [len(tokens) for tokens in rollout.token_ids]
    return [lengths[i : i + GROUP] for i in range(0, len(lengths), GROUP)]


def comparisons(rounds: Sequence[Rollouts]) -> list[dict[str, Any]]:
    """Compare what is predicted with what was measured.

    ``measured`` is the median round's time in seconds, ``rounds`` are all of them, ``error`` says
    how much more is predicted.
    """
    seconds = {key: [rollouts[key].seconds for rollouts in rounds] for key in rounds[0]}
    calibrated = {key: typical([rollouts[key] for rollouts in rounds]) for key in rounds[0]}
    return [
        {
            "workload": workload,
            "method": method,
            "steps": len(calibrated[workload, method].steps),
            "rounds": seconds[workload, method],
            "measured": (measured := median(seconds[workload, method])),
            "predicted": predicted,
            "error": predicted / measured - 1,
        }
        for (workload, method), predicted in predicted_seconds(calibrated).items()
    ]


def is_missed(comparison: Mapping[str, Any]) -> bool:
    """Say whether a prediction is too far off; what was calibrated on is no prediction."""
    is_far_off: bool = abs(comparison["error"]) > LARGEST_ERROR
    return is_far_off and comparison["workload"] != CALIBRATION.name


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """Return a row for each workload and method."""
    header = ["workload", "method", "fastest, s", "measured, s", "predicted, s", "error", ""]
    rows = [
        [
            each["workload"],
            each["method"],
            f"{min(each['rounds']):.3f}",
            f"{each['measured']:.3f}",
            f"{each['predicted']:.3f}",
            f"{each['error']:+.1%}",
            "MISSED" if is_missed(each) else "",
        ]
        for each in found
    ]
    return tables.table(header, 2, rows)


@click.command(help=__doc__, context_settings={"show_default": True})
@MODEL
@repeats_option(15)
@DTYPE
@files.JSON
def main(model: str | None, repeats: int, dtype: str, json_file: str | None) -> None:
    """Measure, predict and compare."""
    model = model or str(demo.model.path())
    try:
        found = comparisons(measure(model, dtype, repeats))
    except (EngineError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    about = {**circumstances(), "model": model, "dtype": dtype, "repeats": repeats}
    workloads = [asdict(each) for each in WORKLOADS]
    Results(json_file).deliver(
        table(found), {**about, "workloads": workloads, "comparisons": found}
    )
    sys.exit(1 if any(map(is_missed, found)) else 0)


if __name__ == "__main__":
    main(prog_name="python -m planner.validation")
