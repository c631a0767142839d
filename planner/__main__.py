"""Which threshold and draft length for a rollout on a cluster that is not at hand?

From the lengths of answers, the cost of a step and the acceptance of drafts the rollout is
simulated, without speculation and with each setting of a grid. The fastest setting is recommended,
or none, where it saves less than a hundredth of the time.

planner.calibration measures the cost and the acceptance in a real engine, bench.acceptance the
acceptance on recorded samples. docs/planner.md shows how well this predicts.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from bench.lib.engines.methods import THRESHOLD_VARIABLE
from bench.lib.engines.options import POSITIVE
from bench.lib.input.number_lists import numbers
from bench.lib.input.option_records import options_as
from bench.lib.output import files
from bench.lib.output.progress import progress
from bench.lib.output.results import Results
from planner import (
    acceptance_profile,
    answer_lengths,
    cost_model,
    engine_mode,
    json_record,
    plots,
    predictions,
)
from planner.acceptance_profile import AcceptanceProfile
from planner.answer_lengths import Source
from planner.engine_mode import NOTHING_LOST, OLD_MODE, EngineMode
from planner.predictions import Cluster, Prediction, Rollout, recommended
from planner.simulation import EngineShape, Groups, Speculation

COST = """\
\b
The cost of a step is a JSON object, one of
- {"kind": "roofline", ...}: sizes of a model and speeds of a device;
- {"kind": "linear", ...}: seconds a step, a request, a token and so on, such as
  planner.calibration measures.
planner/cost_model.py says what each field means; planner/clusters has examples.
"""
ACCEPTANCE = """\
\b
The acceptance is a JSON object, one of
- {"drafted": [0.9, 0.8], "accepted": [0.4, 0.2], "spread": 0}: the shares of a request's steps in
  which its draft reaches the first, second ... token, and has it accepted; "spread" is how much
  requests differ;
- what bench.acceptance wrote, with --samples to name the trace and the scenario.
"""

MODE = """\
\b
What an engine with a drafter loses is a JSON object, such as
- {"host": 0.27, "plain_graph": 0.16, "draft_graph": 0.16}: the shares by which all its steps, those
  without drafts, and those with drafts take longer than without speculation.
planner/engine_mode.py says more; planner/engine_modes has an example.
"""

DRAFT_LENGTHS = 1, 2, 3, 5, 8
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class Choice:
    """What the command is told; its help says what each option means."""

    answers: Path
    group: int
    length_field: str | None
    tokenizer: Path | None
    step: int | None
    cost: Path
    acceptance: Path
    samples: str | None
    mode: Path | None
    ledgers: tuple[Path, Path] | None
    old_mode: Path
    engines: int
    max_num_seqs: int
    prompt_tokens: int
    thresholds: list[int]
    draft_lengths: list[int] | None
    json_file: str | None
    pictures: Path | None

    def source(self) -> Source:
        """Return where the lengths of the answers are."""
        return Source(self.answers, self.group, self.length_field, self.tokenizer, self.step)

    def shape(self) -> EngineShape:
        """Return how requests come to an engine."""
        return EngineShape(self.max_num_seqs, self.prompt_tokens)

    def engine_mode(self) -> EngineMode:
        """Return what an engine with a drafter loses.

        Raises:
            click.UsageError: it is given twice.
        """
        if self.mode and self.ledgers:
            raise click.UsageError("--mode and --ledgers say the same; leave one of them out.")
        if self.ledgers:
            return engine_mode.of_ledgers(*self.ledgers)
        return engine_mode.read(self.mode) if self.mode else NOTHING_LOST


@click.command(
    help="\n\n".join((__doc__ or "", answer_lengths.FORMATS, COST, ACCEPTANCE, MODE)),
    context_settings={"show_default": True},
)
@click.option("--answers", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--group", type=POSITIVE, default=1, help="Answers a prompt, where not in the file.")
@click.option("--length-field", help="Field of JSON lines with the length in tokens.")
@click.option("--tokenizer", type=click.Path(exists=True, path_type=Path), help="tokenizer.json.")
@click.option("--step", type=int, help="Step of a folder of verl's; the last where absent.")
@click.option("--cost", type=FILE, required=True, help="Cost of a step.")
@click.option("--acceptance", type=FILE, required=True, help="Acceptance of drafts.")
@click.option("--samples", help='Trace and scenario of bench.acceptance, such as "sky, own".')
@click.option("--mode", type=FILE, help="What an engine with a drafter loses; nothing else.")
@click.option(
    "--ledgers",
    nargs=2,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The same, from the ledgers without speculation and with it.",
)
@click.option("--old-mode", type=FILE, default=OLD_MODE, help="To compare the recommendation with.")
@click.option("--engines", type=POSITIVE, default=1, help="Replicas; each gets whole groups.")
@click.option("--max-num-seqs", type=POSITIVE, default=256, help="Most requests in a step.")
@click.option("--prompt-tokens", type=click.IntRange(min=0), default=0, help="Tokens a prompt.")
@click.option(
    "--thresholds",
    default="0,4,8,16,32,64",
    callback=numbers("1,3", "number"),
    help=f"Values of {THRESHOLD_VARIABLE}; 0: any batch.",
)
@click.option(
    "--draft-lengths",
    callback=numbers("1,3", "number"),
    help="Tokens a draft.  [default: 1,2,3,5,8, as far as the acceptance knows]",
)
@files.JSON
@files.PLOT
@options_as(Choice)
def main(chosen: Choice) -> None:
    """Predict, recommend, and say so."""
    groups = chosen.source().groups()
    profile = acceptance_profile.read(chosen.acceptance, chosen.samples)
    draft_lengths = chosen.draft_lengths or [k for k in DRAFT_LENGTHS if k <= profile.longest]
    _check_draft_lengths(draft_lengths, profile.longest, chosen.acceptance)
    step_cost = cost_model.parse(json_record.read(chosen.cost), chosen.cost)
    cluster = Cluster(step_cost, chosen.shape(), chosen.engines, chosen.engine_mode())
    none = cluster.rollout(groups)
    _check_time(none, chosen.cost)
    settings = [
        Speculation(t, profile.limited(k)) for t in chosen.thresholds for k in draft_lengths
    ]
    predicted = [
        predictions.prediction(cluster, groups, none, setting)
        for setting in progress(settings, "settings", "setting")
    ]
    words = f"{predictions.table(none, predicted)}\n\n{advice(recommended(predicted))}"
    old = replace(cluster, mode=engine_mode.read(chosen.old_mode))
    before = _in_old_mode(old, groups, none, profile, recommended(predicted))
    if before:
        words += f"\n{comparison(before, chosen.old_mode)}"
    inputs = {"cost": cost_model.as_json(step_cost), "acceptance": asdict(profile)}
    inputs["mode"] = asdict(cluster.mode)
    about = {**_sizes(groups), "engines": chosen.engines, **asdict(cluster.shape), **inputs}
    draw = partial(plots.write, predicted, none)
    found = {**about, **_found(none, predicted), "old_mode": before and asdict(before)}
    Results(chosen.json_file, chosen.pictures).deliver(words, found, draw)


def _in_old_mode(
    cluster: Cluster,
    groups: Groups,
    none: Rollout,
    profile: AcceptanceProfile,
    best: Prediction | None,
) -> Prediction | None:
    """Return what the recommended setting brings in another mode."""
    if best is None:
        return None
    setting = Speculation(best.threshold, profile.limited(best.num_speculative_tokens))
    return predictions.prediction(cluster, groups, none, setting)


def comparison(before: Prediction, file: Path) -> str:
    """Say what the setting brings in another mode."""
    return (
        f"As engines with a drafter are by {file.name}, it takes {before.seconds:.6g} s, "
        f"{before.x_none:.3f} x none."
    )


def _sizes(groups: Groups) -> dict[str, int]:
    return {
        "answers": sum(map(len, groups)),
        "tokens": sum(map(sum, groups)),
        "longest": max(map(max, groups)),
    }


def _found(none: Rollout, predicted: Sequence[Prediction]) -> dict[str, Any]:
    best = recommended(predicted)
    return {
        "none": {"seconds": none.seconds, "mean_seconds": none.mean_seconds},
        "predictions": [{**asdict(each), "saved": each.saved} for each in predicted],
        "recommended": best and asdict(best),
    }


def _check_draft_lengths(draft_lengths: list[int], longest: int, where: Path) -> None:
    if not 1 <= min(draft_lengths) <= max(draft_lengths) <= longest:
        raise click.BadParameter(
            f"--draft-lengths must be from 1 to {longest}, the places that {where} knows."
        )


def _check_time(none: Rollout, where: Path) -> None:
    if not 0 < none.seconds < math.inf:
        raise click.BadParameter(
            f"{where}: by these costs the rollout takes {none.seconds} s; mend them."
        )


def advice(best: Prediction | None) -> str:
    """Return the recommendation in a sentence."""
    if best is None:
        return "Recommended: no speculation; no setting saves a hundredth of the time."
    return (
        f"Recommended: num_speculative_tokens={best.num_speculative_tokens} and "
        f"{THRESHOLD_VARIABLE}={best.threshold}, which saves {best.saved:.1%} of the time."
    )


if __name__ == "__main__":
    main(prog_name="python -m planner")
