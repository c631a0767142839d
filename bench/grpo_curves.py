"""Does GRPO learn the same with and without speculation?

The recipe for CPUs trains a small policy to write words rather than numbers, from several seeds,
each with and without sam. A seed decides what the rollout samples and in which order problems come.
Sampling with drafts draws other random numbers, so that two trainings of one seed part after the
first tokens; what must agree is what they have in common, their reward. The band is what the
trainings without speculation span.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import click
import matplotlib as mpl
import numpy as np

mpl.use("agg")
import matplotlib.pyplot as plt

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import json_target, output_file, report
from bench.engine_options import POSITIVE
from bench.number_lists import numbers
from testing.grpo_run import GrpoRun, TrainingError
from testing.rollout_task import LETTERS_REWARD
from testing.rollout_task.demo import save_demo

ROLLOUT = "actor_rollout_ref.rollout"
METHODS = {"none": [f"~{ROLLOUT}.engine_kwargs.vllm.speculative_config"], "sam": []}
REWARD_METRIC = "critic/score/mean"
ENTROPY_METRIC = "actor/entropy"
ALL_STEPS, LAST_STEPS = slice(None), slice(-10, None)
COMPARED = {
    "reward, all steps": (REWARD_METRIC, ALL_STEPS),
    "reward, last ten": (REWARD_METRIC, LAST_STEPS),
    "entropy, last ten": (ENTROPY_METRIC, LAST_STEPS),
}
SMOOTHED_STEPS = 5
MOST_DEALS = 10_000
ROUNDING = 1e-12
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


def trained(folder: Path, seeds: Sequence[int], steps: int) -> Curves:
    """Train every seed with every method; returns the metrics of their steps.

    Raises:
        TrainingError: a training failed.
    """
    policy, rows = save_demo(folder)
    curves: Curves = {method: [] for method in METHODS}
    total = len(METHODS) * len(seeds) * steps
    with click.progressbar(length=total, label="steps", file=sys.stderr) as bar:
        for seed in seeds:
            for method in METHODS:
                run = GrpoRun(folder / f"{method}-{seed}", policy, rows, LETTERS_REWARD)
                done = run.logged()
                if len(done) == steps:
                    bar.update(steps)
                else:
                    done = []
                    for metrics in run.train(steps, overrides(method, seed)):
                        done.append(metrics)
                        bar.update(1)
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
    window = min(SMOOTHED_STEPS, values.shape[1])
    return np.stack([np.convolve(run, np.ones(window) / window, "valid") for run in values])


def distance_of_means(some: np.ndarray, others: np.ndarray) -> float:
    """Return how far apart the means of two groups of trainings are."""
    return float(abs(some.mean() - others.mean()))


def share_outside(some: np.ndarray, others: np.ndarray) -> float:
    """Return in how many steps the mean curve of `others` leaves the band that `some` span."""
    mean = others.mean(0)
    return float(((mean < some.min(0)) | (some.max(0) < mean)).mean())


def share_as_different(
    difference: Callable[[np.ndarray, np.ndarray], float], some: np.ndarray, others: np.ndarray
) -> float:
    """Return how often trainings that are dealt at random differ as much as these two groups.

    A permutation test: near 0, chance does not explain the difference. All ways to deal are tried,
    or as many as are affordable, drawn at random. `some` and `others` have a training a row.
    """
    together = np.concatenate([some, others])
    observed = difference(some, others)
    found = [
        difference(np.delete(together, chosen, 0), together[chosen])
        for chosen in deals(len(together), len(others))
    ]
    return float((np.array(found) >= observed - ROUNDING).mean())


def deals(cards: int, hand: int) -> Iterator[list[int]]:
    """Yield the ways to take `hand` of so many cards: all, or a sample where they are many."""
    if comb(cards, hand) <= MOST_DEALS:
        yield from map(list, combinations(range(cards), hand))
    else:
        rng = np.random.default_rng(0)
        for _ in range(MOST_DEALS):
            yield rng.permutation(cards)[:hand].tolist()


def comparison(curves: Curves) -> dict[str, Any]:
    """Compare the trainings with sam with those without."""
    return {
        "band": band(curves),
        **{
            label: means_of_trainings(curves, name, steps)
            for label, (name, steps) in COMPARED.items()
        },
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
    low, high, mean = none.min(0), none.max(0), sam.mean(0)
    return {
        "steps_inside": 1 - share_outside(none, sam),
        "steps_inside_by_seed": ((low <= sam) & (sam <= high)).mean(1).tolist(),
        "largest_distance": float(np.maximum(low - mean, mean - high).clip(0).max()),
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
    figure, panels = plt.subplots(2, figsize=(8, 7), sharex=True, layout="constrained")
    for axes, name, label in zip(
        panels, (REWARD_METRIC, ENTROPY_METRIC), ("reward", "entropy, nats"), strict=True
    ):
        for (method, values), colour in zip(
            logged(curves, name).items(), ("tab:grey", "tab:orange"), strict=True
        ):
            smooth = smoothed(values)
            steps = np.arange(smooth.shape[1]) + SMOOTHED_STEPS // 2 + 1
            axes.plot(steps, smooth.T, color=colour, linewidth=0.8, alpha=0.6)
            axes.plot(steps, smooth.mean(0), color=colour, linewidth=2, label=f"{method}, mean")
            if method == "none":
                axes.fill_between(steps, smooth.min(0), smooth.max(0), color=colour, alpha=0.2)
        axes.set_ylabel(f"{label}, mean over {SMOOTHED_STEPS} steps")
    panels[0].legend(loc="upper left", bbox_to_anchor=(1, 1))
    panels[-1].set_xlabel("GRPO step")
    figure.savefig(file, dpi=120)
    plt.close(figure)


def table(found: Mapping[str, Any]) -> str:
    """Return the figures as text."""
    rows = [
        (label, *(_spread(found[label][method]) for method in METHODS), _chance(found[label]))
        for label in COMPARED
    ]
    reward = found["band"]
    return "\n".join(
        [
            report.table(("mean (from, to)", *METHODS, "chance"), 1, rows),
            "",
            f"The mean reward with sam lies inside the band of the trainings without in "
            f"{reward['steps_inside']:.0%} of the steps, at most {reward['largest_distance']:.4f} "
            f"outside (chance {_chance(reward)}).",
            "Chance: the share of all ways to deal these trainings into two groups that differ "
            "as much.",
            f"{found['accepted_drafts']:.0f} draft tokens were accepted; probabilities of rollout "
            f"and actor differ by {found['largest_probability_difference']:.1e} at most.",
        ]
    )


def _spread(means: Sequence[float]) -> str:
    return f"{np.mean(means):.3f} ({min(means):.3f}, {max(means):.3f})"


def _chance(compared: Mapping[str, Any]) -> str:
    return f"{compared['chance']:.1%}"


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--steps", type=POSITIVE, default=30, help="GRPO steps of a training.")
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
@output_file.PLOT
@json_target.JSON
def main(
    steps: int, seeds: list[int], folder: Path | None, picture: Path | None, target: str | None
) -> None:
    """Train, compare, and say what was found."""
    folder = (folder or Path(tempfile.mkdtemp(prefix="grpo-"))).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        curves = trained(folder, seeds, steps)
    except TrainingError as error:
        raise click.ClickException(str(error)) from error
    found = comparison(curves)
    click.echo(table(found), err=target == json_target.STANDARD_OUTPUT)
    if target:
        json_target.write({**found, "curves": curves, **report.circumstances()}, target)
    if picture:
        draw(curves, picture)


if __name__ == "__main__":
    main(prog_name="python -m bench.grpo_curves")
