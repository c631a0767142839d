"""Does GRPO learn the same with and without speculation?

The recipe for CPUs trains a small policy to write words rather than numbers, from several seeds,
each with and without sam. A seed decides what the rollout samples and in which order problems come.
Sampling with drafts draws other random numbers, so that two trainings of one seed part after the
first tokens; what must agree is what they have in common, their reward. The band is what the
trainings without speculation span.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import combinations
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
SMOOTHED_STEPS = 5
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


def rewards(runs: Sequence[Sequence[Mapping[str, float]]]) -> np.ndarray:
    """Return the mean reward of each step, averaged over the steps around it; [seeds, steps]."""
    raw = np.array([[step[REWARD_METRIC] for step in run] for run in runs])
    window = min(SMOOTHED_STEPS, raw.shape[1])
    return np.stack([np.convolve(run, np.ones(window) / window, "valid") for run in raw])


def share_as_different(some: np.ndarray, others: np.ndarray) -> float:
    """Return how often groups that are dealt at random have means as different as these two.

    A permutation test over all ways to deal: near 0, chance does not explain the difference.
    """
    together = np.concatenate([some, others])
    deals = np.array(list(combinations(range(len(together)), len(some))))
    chosen = together[deals].sum(1)
    differences = chosen / len(some) - (together.sum() - chosen) / len(others)
    observed = abs(some.mean() - others.mean())
    return float((abs(differences) >= observed - ROUNDING).mean())


def comparison(curves: Curves) -> dict[str, Any]:
    """Compare the mean curve with sam with the band of those without."""
    none, sam = rewards(curves["none"]), rewards(curves["sam"])
    low, high, mean = none.min(0), none.max(0), sam.mean(0)
    inside = (low <= mean) & (mean <= high)
    return {
        "steps_inside_band": float(inside.mean()),
        "steps_inside_band_by_seed": ((low <= sam) & (sam <= high)).mean(1).tolist(),
        "share_of_deals_as_different": share_as_different(
            *(rewards(curves[method]).mean(1) for method in METHODS)
        ),
        "largest_distance_to_band": float(np.maximum(low - mean, mean - high).clip(0).max()),
        "final_reward": {method: rewards(runs)[:, -1].tolist() for method, runs in curves.items()},
        "first_reward": {method: rewards(runs)[:, 0].tolist() for method, runs in curves.items()},
        "accepted_drafts": sum(
            step["rollout/spec_accepted_tokens"] for run in curves["sam"] for step in run
        ),
        "largest_probability_difference": max(
            step["training/rollout_probs_diff_max"]
            for runs in curves.values()
            for run in runs
            for step in run
        ),
    }


def draw(curves: Curves, file: Path) -> None:
    """Write the reward curves of all trainings, and the band."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for (method, runs), colour in zip(curves.items(), ("tab:grey", "tab:orange"), strict=True):
        smooth = rewards(runs)
        steps = np.arange(smooth.shape[1]) + SMOOTHED_STEPS // 2 + 1
        for curve in smooth:
            axes.plot(steps, curve, color=colour, linewidth=0.8, alpha=0.6)
        axes.plot(steps, smooth.mean(0), color=colour, linewidth=2, label=f"{method}, mean")
        if method == "none":
            axes.fill_between(steps, smooth.min(0), smooth.max(0), color=colour, alpha=0.2)
    axes.set_xlabel("GRPO step")
    axes.set_ylabel(f"mean reward, over {SMOOTHED_STEPS} steps")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(file, dpi=120)
    plt.close(figure)


def sentence(found: Mapping[str, Any]) -> str:
    """Return the figures as text."""
    return (
        f"The mean reward with sam lies inside the band of the trainings without in "
        f"{found['steps_inside_band']:.0%} of the steps, at most "
        f"{found['largest_distance_to_band']:.4f} outside. Trainings dealt at random into two such "
        f"groups differ as much in {found['share_of_deals_as_different']:.0%} of all ways to deal. "
        "At the end: "
        + ", ".join(
            f"{method} {np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"
            for method, values in found["final_reward"].items()
        )
        + f". {found['accepted_drafts']:.0f} draft tokens were accepted; probabilities of rollout "
        f"and actor differ by {found['largest_probability_difference']:.1e} at most."
    )


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
    click.echo(sentence(found), err=target == json_target.STANDARD_OUTPUT)
    if target:
        json_target.write({**found, "curves": curves, **report.circumstances()}, target)
    if picture:
        draw(curves, picture)


if __name__ == "__main__":
    main(prog_name="python -m bench.grpo_curves")
