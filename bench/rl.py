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
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click
from transformers import AutoTokenizer

from bench.lib.engines import options
from bench.lib.engines.methods import REFERENCE, THRESHOLD_VARIABLE
from bench.lib.engines.options import POSITIVE, ShapeOptions
from bench.lib.engines.servers import (
    ROLLOUT,
    ServedRollout,
    ServerSetting,
    rounds_in_turn,
    running_servers,
)
from bench.lib.grpo import DemoTask, trained
from bench.lib.input.option_records import options_as
from bench.lib.input.prompts import check_room, first_prompts
from bench.lib.output import files, tables
from bench.lib.output.circumstances import circumstances
from bench.lib.output.results import Results
from demo.rollout_task import REWARD
from testing.grpo_run import TrainingError

METHODS = "none", "ngram", "sam"
MAX_MODEL_LEN = 512
DRAFT_LENGTH = f"{ROLLOUT}.engine_kwargs.vllm.speculative_config.num_speculative_tokens"
COLUMNS = "method", "rollout, s", "x none", "tail, s", "x none", "accepted", "same tokens"

Rounds = Mapping[str, Sequence[ServedRollout]]


@dataclass(frozen=True)
class Training:
    """What GRPO with sam logged, step by step.

    Example: ``Training([{"rollout/spec_accepted_tokens": 7.0}]).accepted_drafts`` is 7.
    """

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


def measures(rounds: Rounds) -> dict[str, dict[str, Any]]:
    """Summarise the rounds of every method: medians of times, and of ratios of pairs."""
    reference = rounds[REFERENCE]
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
            tables.cell(each["tail_x_none"], ".2f"),
            str(each["accepted_drafts"]),
            "yes" if each["identical"] else "NO",
        )
        for method, each in found["methods"].items()
    ]
    grpo = (
        f"GRPO with sam: {len(found['grpo'])} steps, {found['accepted_drafts']} draft tokens "
        f"accepted, accept length {tables.cell(found['accept_length'], '.2f')}."
    )
    return "\n".join([grpo, "", tables.table(COLUMNS, 1, rows)])


@dataclass(frozen=True)
class Choice(ShapeOptions):
    """What the command is told; its help says what each option means."""

    steps: int
    methods: list[str]
    num_prompts: int
    num_speculative_tokens: int
    threshold: int
    repeats: int
    folder: Path | None
    json_file: str | None


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--steps", type=POSITIVE, default=3, help="GRPO steps.")
@options.methods_option(METHODS)
@click.option("--num-prompts", type=POSITIVE, default=16, help="Prompts of the rollout.")
@options.shape_options(longest=250)
@options.NUM_SPECULATIVE_TOKENS
@click.option("--threshold", type=POSITIVE, default=32, help=f"{THRESHOLD_VARIABLE} for all.")
@options.repeats_option(15)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where policy, rows and the log of GRPO go; a new folder where absent.",
)
@files.JSON
@options_as(Choice)
def main(chosen: Choice) -> None:
    """Train, roll out with every method, and say what was found."""
    shape = chosen.shape()
    task = DemoTask.prepared(chosen.folder)
    click.echo(f"Policy, rows and the log of GRPO are in {task.folder}.", err=True)
    prompts = first_prompts(None, chosen.num_prompts, chosen.num_prompts)
    tokenizer = AutoTokenizer.from_pretrained(task.policy)
    tokens = [tokenizer.encode(prompt) for prompt in prompts]
    check_room(MAX_MODEL_LEN, tokens, chosen.longest)
    try:
        training = train(task, chosen)
    except TrainingError as error:
        raise click.ClickException(str(error)) from error
    setting = ServerSetting(
        str(task.policy),
        batch=chosen.num_prompts * chosen.group,
        max_model_len=MAX_MODEL_LEN,
        num_speculative_tokens=chosen.num_speculative_tokens,
        threshold=chosen.threshold,
    )
    requests = shape.requests(prompts, setting.batch)
    with running_servers(setting, chosen.methods) as servers:
        rounds = rounds_in_turn(servers, chosen.repeats, requests)
    about = {**circumstances(), **asdict(setting), **asdict(shape)}
    found = {**result(training, rounds), **about}
    Results(chosen.json_file).deliver(table(found), found)
    sys.exit(0 if found["identical_greedy"] else 1)


def train(task: DemoTask, chosen: Choice) -> Training:
    """Train with sam.

    Raises:
        TrainingError: the training failed.
    """
    run = task.run("grpo", REWARD, {THRESHOLD_VARIABLE: str(chosen.threshold)})
    overrides = [f"{DRAFT_LENGTH}={chosen.num_speculative_tokens}"]
    return Training(trained(run, chosen.steps, overrides))


if __name__ == "__main__":
    main(prog_name="python -m bench.rl")
