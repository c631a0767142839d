"""What would have to be true for the gains that were published for SAM on Ascend clusters?

The inputs lie in planner/clusters, each number with its source; most are assumptions. Of what was
published, the planner is told the setting and the time without speculation: what a roofline leaves
of it is taken for overhead, the same in every step. The gain is then predicted, never fitted. A
second table changes one assumption at a time.

Nothing of this was measured here. The published times are of an implementation of its own, which
drafts from a request's own text alone, and so does the acceptance that is assumed first.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

import click
from matplotlib.figure import Figure

from bench.lib.output import files, tables
from bench.lib.output.progress import progress
from bench.lib.output.results import Results
from planner import acceptance_profile, answer_lengths, cost_model, engine_mode, json_record
from planner.acceptance_profile import AcceptanceProfile
from planner.answer_lengths import LogNormal
from planner.cost_model import Roofline
from planner.predictions import Cluster, Rollout, prediction
from planner.simulation import EngineShape, Speculation

FOLDER = Path(__file__).resolve().parent / "clusters"
CASES = "qwen3_32b", "qwen3_32b_large", "qwen3_235b"
ACCEPTANCE = "sky_own"
# Median prompt of AIME 2024 in tokens of tekken.
PROMPT_TOKENS = 86
# What was published of the tail, all requests at most the threshold.
TAIL_X_NONE = 1.35
AS_ASSUMED = "as assumed"

# What is predicted of a case.
Found = dict[str, Any]


@dataclass(frozen=True)
class Published:
    """A setting and its times: mean seconds of an engine, without speculation and with SAM.

    >>> Published(8, 3, 8, 128, none_seconds=2000.0, sam_seconds=1600.0).x_none
    1.25
    """

    threshold: int
    num_speculative_tokens: int
    engines: int
    max_num_seqs: int
    none_seconds: float
    sam_seconds: float

    @property
    def x_none(self) -> float:
        """How many times faster the rollout was with SAM."""
        return self.none_seconds / self.sam_seconds

    @property
    def tail_share(self) -> float:
        """The share of time the tail must have had, if all was gained there, at `TAIL_X_NONE`."""
        return (1 - 1 / self.x_none) / (1 - 1 / TAIL_X_NONE)


@dataclass(frozen=True)
class Case:
    """What is assumed of a cluster, and what was published of it.

    Example: ``case("qwen3_32b").found()["x_none"]``.
    """

    published: Published
    lengths: LogNormal
    sizes: Roofline
    profile: AcceptanceProfile

    @cached_property
    def _groups(self) -> answer_lengths.Groups:
        return self.lengths.groups()

    def _cluster(self, cost: Roofline) -> Cluster:
        shape = EngineShape(self.published.max_num_seqs, PROMPT_TOKENS)
        return Cluster(cost, shape, self.published.engines)

    @cached_property
    def cost(self) -> Roofline:
        """The cost with the overhead of a step that makes the time without speculation right.

        Raises:
            ValueError: these sizes alone take longer.
        """
        bare = self._cluster(replace(self.sizes, step_overhead=0.0)).rollout(self._groups)
        steps = sum(sum(timeline.steps) for timeline in bare.timelines) / len(bare.timelines)
        left = self.published.none_seconds - bare.mean_seconds
        if left < 0:
            raise ValueError(
                f"the rollout takes {bare.mean_seconds:.0f} s without any overhead, which is more "
                f"than the published {self.published.none_seconds:.0f} s"
            )
        return replace(self.sizes, step_overhead=left / steps)

    @cached_property
    def none(self) -> Rollout:
        """The rollout without speculation."""
        return self._cluster(self.cost).rollout(self._groups)

    def found(self) -> Found:
        """Return what is predicted for the published setting, and what it would need.

        ``x_none_before`` is predicted for an engine that loses what `engine_mode.OLD_MODE` says.
        ``x_none_as_published`` is the gain if the tail went `TAIL_X_NONE` times faster,
        ``tail_x_needed`` how much faster it would have to go for the published gain: None where
        all of the tail is too little.
        """
        published = self.published
        profile = self.profile.limited(published.num_speculative_tokens)
        setting = Speculation(published.threshold, profile)
        cluster = self._cluster(self.cost)
        predicted = prediction(cluster, self._groups, self.none, setting)
        old = replace(cluster, mode=engine_mode.read(engine_mode.OLD_MODE))
        before = prediction(old, self._groups, self.none, setting)
        share = self.none.tail_seconds(published.threshold) / self.none.mean_seconds
        saved = 1 - 1 / published.x_none
        return {
            "overhead": self.cost.step_overhead,
            "tail_share": share,
            "tokens_per_step": profile.tokens_per_step,
            "tail_x_none": predicted.tail_x_none,
            "x_none": predicted.mean_x_none,
            "x_none_before": before.mean_x_none,
            "x_none_as_published": 1 / (1 - share * (1 - 1 / TAIL_X_NONE)),
            "tail_x_needed": share / (share - saved) if share > saved else None,
        }


def case(name: str) -> Case:
    """Read a case."""
    folder = FOLDER / name
    published = folder / "published.json"
    lengths = folder / "answers.json"
    cost = folder / "cost.json"
    return Case(
        json_record.record(Published, json_record.read(published), published),
        json_record.record(LogNormal, json_record.read(lengths), lengths),
        cast(Roofline, cost_model.parse(json_record.read(cost), cost)),
        acceptance(ACCEPTANCE),
    )


def acceptance(name: str) -> AcceptanceProfile:
    """Read a profile."""
    return acceptance_profile.read(FOLDER / "acceptance" / f"{name}.json", None)


def variants(base: Case) -> dict[str, Case]:
    """Return the case with one assumption changed at a time."""
    lengths = {
        "median 5,000 tokens": replace(base.lengths, median=5000),
        "median 12,000 tokens": replace(base.lengths, median=12000),
        "sigma 0.4": replace(base.lengths, sigma=0.4),
        "sigma 0.7": replace(base.lengths, sigma=0.7),
        "sigma 1.0": replace(base.lengths, sigma=1.0),
        "prompts all alike": replace(base.lengths, prompt_share=0.0),
        "prompts decide all": replace(base.lengths, prompt_share=1.0),
    }
    profiles = {
        "accepts as on programs": acceptance("codet_own"),
        "accepts as in dialogues": acceptance("tau_own"),
        "accepts with shared drafts": acceptance("sky_shared"),
        "accepts after 3 epochs": acceptance("sky_history"),
        "requests differ by 0.5": replace(base.profile, spread=0.5),
    }
    sizes = {
        "memory at 0.4 of its peak": replace(base.sizes, memory_efficiency=0.4),
        "drafts read contexts with it": replace(base.sizes, context_reread=0.0),
        "verification 0 ms": replace(base.sizes, verification_overhead=0.0),
        "verification 20 ms": replace(base.sizes, verification_overhead=0.02),
    }
    return {
        AS_ASSUMED: base,
        **{name: replace(base, lengths=each) for name, each in lengths.items()},
        **{name: replace(base, profile=each) for name, each in profiles.items()},
        **{name: replace(base, sizes=each) for name, each in sizes.items()},
    }


def cases_table(bases: Mapping[str, Case], found: Mapping[str, Found]) -> str:
    """Return what was published beside what is predicted, and what would have to be true."""
    header = ["case", "published", "predicted", "old mode", "at 1.35 in the tail", "overhead, ms"]
    header += ["tail's share", "needed", "tail", "needed"]
    rows = [
        [
            name,
            f"{base.published.x_none:.3f}",
            f"{found[name]['x_none']:.3f}",
            f"{found[name]['x_none_before']:.3f}",
            f"{found[name]['x_none_as_published']:.3f}",
            f"{1e3 * found[name]['overhead']:.0f}",
            f"{found[name]['tail_share']:.0%}",
            f"{base.published.tail_share:.0%}",
            f"{found[name]['tail_x_none']:.2f}",
            tables.cell(found[name]["tail_x_needed"], ".2f"),
        ]
        for name, base in bases.items()
    ]
    return tables.table(header, 1, rows)


def variants_table(found: Mapping[str, Mapping[str, Found]]) -> str:
    """Return the predicted gain of each case, a row for each changed assumption."""
    names = next(iter(found.values()))
    rows = [[name, *(f"{each[name]['x_none']:.3f}" for each in found.values())] for name in names]
    return tables.table(["assumption", *found], 1, rows)


def plot(
    bases: Mapping[str, Case],
    found: Mapping[str, Mapping[str, Found]],
    file: Path,
) -> None:
    """Draw the predicted gain of each case under each assumption, beside the published one."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    all_axes = figure.subplots(1, len(found), sharey=True)
    for axes, (case_name, by_variant) in zip(all_axes, found.items(), strict=True):
        names = list(by_variant)[::-1]
        gains = [by_variant[name]["x_none"] - 1 for name in names]
        axes.barh(names, gains, left=1, color="lightsteelblue")
        published = bases[case_name].published.x_none
        axes.axvline(published, color="firebrick")
        axes.set_title(f"{case_name}\npublished (line): {published:.3f}")
        axes.set_xlabel("times as fast as without speculation")
    figure.savefig(file, dpi=120)


@click.command(help=__doc__)
@files.JSON
@files.PLOT
def main(json_file: str | None, pictures: Path | None) -> None:
    """Predict, and say what was found."""
    bases = {name: case(name) for name in CASES}
    changed = {name: variants(base) for name, base in bases.items()}
    turns = [(name, variant) for name, each in changed.items() for variant in each]
    found: dict[str, dict[str, Found]] = {name: {} for name in bases}
    try:
        for name, variant in progress(turns, "cases", "case"):
            found[name][variant] = changed[name][variant].found()
    except ValueError as error:
        raise click.ClickException(f"{name}, {variant}: {error}.") from error
    assumed = {name: each[AS_ASSUMED] for name, each in found.items()}
    words = f"{cases_table(bases, assumed)}\n\n{variants_table(found)}"
    published = {name: asdict(base.published) for name, base in bases.items()}
    results = {"published": published, "predicted": found}
    Results(json_file, pictures).deliver(words, results, partial(plot, bases, found))


if __name__ == "__main__":
    main(prog_name="python -m planner.published_gains")
