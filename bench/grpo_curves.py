"""Does GRPO learn the same with and without speculation?

The recipe for CPUs trains a small policy to write words rather than numbers, from several seeds,
each with and without sam. A seed decides what the rollout samples and in which order problems come.
Sampling with drafts draws other random numbers, so that two trainings of one seed part after the
first tokens; what must agree is what they have in common, their reward and entropy. The band is
what the trainings without speculation span. How much chance explains is told for every figure; the
more figures are looked at, the smaller the smallest of their chances.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.lib.grpo import DemoTask, trained
from bench.lib.input.number_lists import numbers
from bench.lib.measures.chance import ROUNDING, share_as_different, smallest
from bench.lib.output import files, tables
from bench.lib.output.circumstances import circumstances
from bench.lib.output.results import Results
from demo.rollout_task import LETTERS_REWARD
from testing.grpo_run import TrainingError

ROLLOUT = "actor_rollout_ref.rollout"
METHODS = {"none": [f"~{ROLLOUT}.engine_kwargs.vllm.speculative_config"], "sam": []}
COLOURS = {"none": "tab:grey", "sam": "tab:orange"}
REWARD_METRIC = "critic/score/mean"
ENTROPY_METRIC = "actor/entropy"
FEWEST_STEPS = 10
ALL_STEPS, LAST_STEPS = slice(None), slice(-FEWEST_STEPS, None)
COMPARED = {
    "reward, all steps": (REWARD_METRIC, ALL_STEPS),
    "reward, last ten": (REWARD_METRIC, LAST_STEPS),
    "entropy, last ten": (ENTROPY_METRIC, LAST_STEPS),
}
SMOOTHED_STEPS = 5
PROMPTS = 8
GROUP = 8
LEARNING_RATE = 1e-3

Curves = dict[str, list[list[dict[str, float]]]]


def overrides(method: str, seed: int) -> list[str]:
    """Return what a training says beside the recipe."""
    return [
        *METHODS[method],
        f"data.seed={seed}",
        f"{ROLLOUT}.seed={seed}",
        f"{ROLLOUT}.n={GROUP}",
        f"{ROLLOUT}.calculate_log_probs=True",
        f"actor_rollout_ref.actor.optim.lr={LEARNING_RATE}",
        f"data.train_batch_size={PROMPTS}",
        f"actor_rollout_ref.actor.ppo_mini_batch_size={PROMPTS}",
    ]


def trained_curves(folder: Path | None, seeds: Sequence[int], steps: int) -> Curves:
    """Train every seed with every method; return the metrics of their steps.

    What is complete in the folder is not trained again.

    Raises:
        TrainingError: a training failed.
    """
    task = DemoTask.prepared(folder)
    curves: Curves = {method: [] for method in METHODS}
    for seed in seeds:
        for method in METHODS:
            run = task.run(f"{method}-{seed}", LETTERS_REWARD)
            done = run.logged()
            if len(done) != steps:
                done = trained(run, steps, overrides(method, seed))
            curves[method].append(done)
    return curves


def logged(curves: Curves, name: str) -> dict[str, np.ndarray]:
    """Return a metric of every training of every method; [seeds, steps]."""
    return {
        method: np.array([[step[name] for step in run] for run in runs])
        for method, runs in curves.items()
    }


def smoothed(values: np.ndarray) -> np.ndarray:
    """Return the means over the steps around each; [seeds, steps] and fewer."""
    window = np.full(SMOOTHED_STEPS, 1 / SMOOTHED_STEPS)
    return np.stack([np.convolve(run, window, "valid") for run in values])


def distance_of_means(some: np.ndarray, others: np.ndarray) -> float:
    """Return how far apart the means of two groups of trainings are."""
    return float(abs(some.mean() - others.mean()))


def distance_to_band(some: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Return how far a curve is outside the band that `some` span, in every step; 0 inside."""
    distance = np.maximum(some.min(0) - curve, curve - some.max(0))
    return np.where(distance > ROUNDING, distance, 0.0)


def share_outside(some: np.ndarray, others: np.ndarray) -> float:
    """Return in which share of the steps the mean of `others` leaves the band of `some`."""
    return float((distance_to_band(some, others.mean(0)) > 0).mean())


def comparison(curves: Curves) -> dict[str, Any]:
    """Compare the trainings with sam with those without."""
    return {
        "band": band(curves),
        **{
            label: means_of_trainings(curves, name, steps)
            for label, (name, steps) in COMPARED.items()
        },
        "smallest_chance": smallest(len(curves["sam"])),
        "switched_off_share": float(
            np.mean(
                [step["rollout/spec_switched_off_share"] for run in curves["sam"] for step in run]
            )
        ),
        "accepted_drafts": sum(
            step["rollout/spec_accepted_tokens"] for run in curves["sam"] for step in run
        ),
        "largest_probability_difference": max(
            float(values.max())
            for values in logged(curves, "training/rollout_probs_diff_max").values()
        ),
    }


def band(curves: Curves) -> dict[str, Any]:
    """Compare the reward with sam with what the trainings without span."""
    none, sam = map(smoothed, logged(curves, REWARD_METRIC).values())
    return {
        "steps_inside": 1 - share_outside(none, sam),
        "steps_inside_by_seed": [1 - share_outside(none, run[None]) for run in sam],
        "largest_distance": float(distance_to_band(none, sam.mean(0)).max()),
        "chance": share_as_different(share_outside, none, sam),
    }


def means_of_trainings(curves: Curves, name: str, steps: slice) -> dict[str, Any]:
    """Return a metric's mean over steps of each training, and how chance explains it."""
    found = {method: values[:, steps].mean(1) for method, values in logged(curves, name).items()}
    return {
        **{method: means.tolist() for method, means in found.items()},
        "chance": share_as_different(distance_of_means, *found.values()),
    }


def draw(curves: Curves, file: Path) -> None:
    """Write the curves of all trainings, and the band of those without sam."""
    figure = Figure(figsize=(8, 7), layout="constrained")
    panels = figure.subplots(2, sharex=True)
    for axes, name, label in zip(
        panels, (REWARD_METRIC, ENTROPY_METRIC), ("reward", "entropy, nats"), strict=True
    ):
        for method, values in logged(curves, name).items():
            _draw_method(axes, method, smoothed(values))
        axes.set_ylabel(f"{label}, mean over {SMOOTHED_STEPS} steps")
    panels[0].legend(loc="upper left", bbox_to_anchor=(1, 1))
    panels[-1].set_xlabel("GRPO step")
    figure.savefig(file, dpi=120)


def _draw_method(axes: Axes, method: str, smooth: np.ndarray) -> None:
    colour = COLOURS[method]
    steps = np.arange(smooth.shape[1]) + SMOOTHED_STEPS // 2 + 1
    axes.plot(steps, smooth.T, color=colour, linewidth=0.8, alpha=0.6)
    axes.plot(steps, smooth.mean(0), color=colour, linewidth=2, label=f"{method}, mean")
    if method == "none":
        axes.fill_between(steps, smooth.min(0), smooth.max(0), color=colour, alpha=0.2)


def table(found: Mapping[str, Any]) -> str:
    """Return the figures as text."""
    rows = [
        (label, *(_spread(found[label][method]) for method in METHODS), _chance(found[label]))
        for label in COMPARED
    ]
    reward = found["band"]
    return "\n".join(
        [
            tables.table(("mean (from, to)", *METHODS, "chance"), 1, rows),
            "",
            f"The mean reward with sam lies inside the band of the trainings without in "
            f"{reward['steps_inside']:.0%} of the steps, at most {reward['largest_distance']:.4f} "
            f"outside (chance {_chance(reward)}).",
            "Chance: the share of all swaps of none and sam within seeds that lets them differ as "
            f"much; never below {found['smallest_chance']:.2%} with so many seeds.",
            f"{found['accepted_drafts']:.0f} draft tokens were accepted, and "
            f"{found['switched_off_share']:.0%} of the engine's steps were above the threshold. "
            "Probabilities of rollout and actor differ by "
            f"{found['largest_probability_difference']:.1e} at most.",
        ]
    )


def _spread(means: Sequence[float]) -> str:
    return f"{np.mean(means):.3f} ({min(means):.3f}, {max(means):.3f})"


def _chance(compared: Mapping[str, Any]) -> str:
    return f"{compared['chance']:.1%}"


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option(
    "--steps", type=click.IntRange(FEWEST_STEPS), default=30, help="GRPO steps of a training."
)
@click.option(
    "--seeds",
    default="0,1,2",
    callback=numbers("0,1,2", "seed"),
    help="One training a method each.",
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where policy, rows and logs go, and what is complete there is not trained again; a new "
    "folder where absent.",
)
@files.PLOT
@files.JSON
def main(
    steps: int,
    seeds: list[int],
    folder: Path | None,
    pictures: Path | None,
    json_file: str | None,
) -> None:
    """Train, compare, and say what was found."""
    try:
        curves = trained_curves(folder, seeds, steps)
    except TrainingError as error:
        raise click.ClickException(str(error)) from error
    compared = comparison(curves)
    found = {**compared, "curves": curves, **circumstances()}
    Results(json_file, pictures).deliver(table(compared), found, partial(draw, curves))


if __name__ == "__main__":
    main(prog_name="python -m bench.grpo_curves")
