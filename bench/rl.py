"""What does speculation bring in rollouts of verl?

First GRPO: a small policy is trained for some steps by the recipe for CPUs, with sam, by verl's own
trainer; how many drafts were accepted stands in its log. Then one rollout step of that size, every
method behind verl's own servers, client and load balancer: all servers are alive at once and take
turns, and a method is compared with none in the same turn. The requests come in groups that share
a prompt, and their limits are spread evenly in logarithm. Decoding is greedy, so that every method
has the same tokens to write and these can be compared; the samples of a group part as in
bench/rollout.py. The tail is what follows the last engine step with more requests than speculate.

The policy is a toy and its rollout lasts seconds: the figures say that the parts work together, not
what speculation brings to a model of another size.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click
from transformers import AutoTokenizer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import comparison, engine_options, json_target, report
from bench.engine_options import POSITIVE
from bench.engines import THRESHOLD_VARIABLE
from bench.prompts import check_room, first_prompts
from bench.rollout import Shape
from bench.rollout_servers import (
    ROLLOUT,
    ServedRollout,
    ServerSetting,
    rounds_in_turn,
    running_servers,
)
from testing.grpo_run import GrpoRun, TrainingError
from testing.rollout_task import REWARD
from testing.rollout_task.demo import save_demo

METHODS = "none", "ngram", "sam"
MAX_MODEL_LEN = 512
DRAFT_LENGTH = f"{ROLLOUT}.engine_kwargs.vllm.speculative_config.num_speculative_tokens"
COLUMNS = "method", "rollout, s", "x none", "tail, s", "x none", "accepted", "same tokens"

Rounds = Mapping[str, Sequence[ServedRollout]]


@dataclass(frozen=True)
class Training:
    """What GRPO with sam logged, step by step."""

    steps: list[dict[str, float]]

    @property
    def accepted_drafts(self) -> int:
        """Draft tokens accepted in all steps."""
        return int(self._sum("rollout/spec_accepted_tokens"))

    @property
    def accept_length(self) -> float | None:
        """Mean of the steps' mean tokens a verified draft gave, one of which is the target's.

        Steps without a verified draft have none, and so has a training of such steps.
        """
        key = "rollout/spec_accept_length"
        lengths = [step[key] for step in self.steps if key in step]
        return sum(lengths) / len(lengths) if lengths else None

    def _sum(self, name: str) -> float:
        return sum(step[name] for step in self.steps)


def trained(run: GrpoRun, steps: int, num_speculative_tokens: int) -> Training:
    """Train with sam and drafts of so many tokens.

    Raises:
        TrainingError: the training failed.
    """
    done = []
    with click.progressbar(length=steps, label="GRPO with sam", file=sys.stderr) as bar:
        for metrics in run.train(steps, [f"{DRAFT_LENGTH}={num_speculative_tokens}"]):
            done.append(metrics)
            bar.update(1)
    return Training(done)


def measures(rounds: Rounds) -> dict[str, dict[str, Any]]:
    """Summarise the rounds of every method: medians of times, and of ratios of pairs."""
    reference = rounds[comparison.REFERENCE]
    return {
        method: {
            "rollout_s": median(each.seconds for each in found),
            "rollout_x_none": median(
                other.seconds / each.seconds for each, other in zip(found, reference, strict=True)
            ),
            "tail_s": median(each.tail_seconds for each in found),
            "tail_x_none": _tail_speedup(found, reference),
            "accepted_drafts": int(sum(each.total("accepted_tokens") for each in found)),
            "rounds": [{"rollout_s": each.seconds, "tail_s": each.tail_seconds} for each in found],
            "identical": all(
                each.token_ids == other.token_ids
                for each, other in zip(found, reference, strict=True)
            ),
        }
        for method, found in rounds.items()
    }


def _tail_speedup(
    found: Sequence[ServedRollout], reference: Sequence[ServedRollout]
) -> float | None:
    """Return the median ratio of the pairs that have a tail; None without one."""
    pairs = [
        (each.tail_seconds, other.tail_seconds)
        for each, other in zip(found, reference, strict=True)
    ]
    ratios = [other / each for each, other in pairs if each]
    return median(ratios) if ratios else None


def result(training: Training, rounds: Rounds) -> dict[str, Any]:
    """Return all that was found, ready for JSON."""
    methods = measures(rounds)
    return {
        "identical_greedy": all(found["identical"] for found in methods.values()),
        "accepted_drafts": training.accepted_drafts,
        "accept_length": training.accept_length,
        "rollout_s": {method: found["rollout_s"] for method, found in methods.items()},
        "tail_s": {method: found["tail_s"] for method, found in methods.items()},
        "methods": methods,
        "grpo": training.steps,
    }


def table(found: Mapping[str, Any]) -> str:
    """Return the figures as text."""
    rows = [
        (
            method,
            f"{each['rollout_s']:.2f}",
            f"{each['rollout_x_none']:.2f}",
            f"{each['tail_s']:.2f}",
            _rounded(each["tail_x_none"]),
            str(each["accepted_drafts"]),
            "yes" if each["identical"] else "NO",
        )
        for method, each in found["methods"].items()
    ]
    grpo = (
        f"GRPO with sam: {len(found['grpo'])} steps, {found['accepted_drafts']} draft tokens "
        f"accepted, accept length {_rounded(found['accept_length'])}."
    )
    return "\n".join([grpo, "", report.table(COLUMNS, 1, rows)])


def _rounded(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--steps", type=POSITIVE, default=3, help="GRPO steps.")
@engine_options.methods_option(METHODS)
@click.option("--num-prompts", type=POSITIVE, default=16, help="Prompts of the rollout.")
@engine_options.GROUP
@engine_options.SHORTEST
@engine_options.longest_option(250)
@engine_options.NUM_SPECULATIVE_TOKENS
@click.option("--threshold", type=POSITIVE, default=32, help=f"{THRESHOLD_VARIABLE} for all.")
@engine_options.repeats_option(15)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where policy, rows and the log of GRPO go; a new folder where absent.",
)
@json_target.JSON
def main(
    steps: int,
    methods: list[str],
    num_prompts: int,
    group: int,
    shortest: int,
    longest: int,
    num_speculative_tokens: int,
    threshold: int,
    repeats: int,
    folder: Path | None,
    target: str | None,
) -> None:
    """Train, roll out with every method, and say what was found."""
    if shortest > longest:
        raise click.UsageError("--shortest is more than --longest.")
    folder = (folder or Path(tempfile.mkdtemp(prefix="rl-"))).absolute()
    click.echo(f"Policy, rows and the log of GRPO are in {folder}.", err=True)
    policy, rows = save_demo(folder)
    prompts = first_prompts(None, num_prompts, num_prompts)
    tokenizer = AutoTokenizer.from_pretrained(policy)
    check_room(MAX_MODEL_LEN, [tokenizer.encode(prompt) for prompt in prompts], longest)
    try:
        environment = {THRESHOLD_VARIABLE: str(threshold)}
        run = GrpoRun(folder / "grpo", policy, rows, REWARD, environment=environment)
        training = trained(run, steps, num_speculative_tokens)
    except TrainingError as error:
        raise click.ClickException(str(error)) from error
    shape = Shape(group, shortest, longest, temperature=0.0)
    batch = num_prompts * group
    requests = shape.requests(prompts, batch)
    setting = ServerSetting(str(policy), batch, MAX_MODEL_LEN, num_speculative_tokens, threshold)
    with running_servers(setting, methods) as servers:
        rounds = rounds_in_turn(servers, repeats, requests)
    about = {**report.circumstances(), **asdict(setting), **asdict(shape)}
    found = {**result(training, rounds), **about}
    click.echo(table(found), err=target == json_target.STANDARD_OUTPUT)
    if target:
        json_target.write(found, target)
    sys.exit(0 if found["identical_greedy"] else 1)


if __name__ == "__main__":
    main()
