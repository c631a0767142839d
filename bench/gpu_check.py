"""What does speculation bring on this machine, with this model, in an engine with its own defaults?

One command, ten minutes at most, for a GPU or an NPU. Engines come one after the other, each as
vLLM makes it by default: its model runner, its scheduling, its graphs. All answer the same
requests, as a rollout has them: groups that share a prompt, with limits spread evenly in logarithm.
First one engine without speculation, then sam for each draft length, speculating in every batch.
That says up to which batch drafts pay, and a last engine with sam runs as recommended. ngram, and
suffix where arctic-inference is installed, come after it. What there is no time for is left out,
and named.

Decoding is greedy and tokens are compared. On a device a batch of another size rounds otherwise, so
a few answers may part where two tokens are equally likely; that is counted, and no failure.
"""

import importlib.util
import json
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from specroll_speculation.ledger import VARIABLE as LEDGER_VARIABLE

from bench.lib.engines import options
from bench.lib.engines.methods import REFERENCE, SAM, SPECULATION, THRESHOLD_VARIABLE
from bench.lib.engines.options import POSITIVE, ShapeOptions
from bench.lib.engines.process import EngineError, EngineOptions, EngineProcess
from bench.lib.engines.requests import Request
from bench.lib.engines.timed import TimedRollout, timed_rollout
from bench.lib.input.number_lists import numbers
from bench.lib.input.option_records import options_as
from bench.lib.input.prompts import first_prompts
from bench.lib.measures import gains
from bench.lib.measures.gains import Recommendation
from bench.lib.measures.ledgers import Steps, differences, read_steps
from bench.lib.output import files, tables
from bench.lib.output.circumstances import circumstances
from bench.lib.output.results import Results

SURROUNDINGS = {"VLLM_NO_USAGE_STATS": "1"}
ANY_BATCH = 0
SUFFIX = {"method": "suffix"}
COLUMNS = (
    "engine",
    "s",
    "x none",
    "crowd, s",
    "tail, s",
    "x none",
    "accepted",
    "graphs",
    "differing",
)

# What an engine's errors say, and what that means to a user.
CAUSES = {
    "out of memory|No available memory|less than (desired|requested)|KV cache is needed": (
        "{model} does not fit the memory of this device: take a smaller model, or --engine-options "
        "with a smaller max_model_len."
    ),
    "valid model id|local directory|not appear to have|Can't load|couldn't connect|look-ups": (
        "there is no model {model}: name a folder, or a hub id that this machine can reach."
    ),
}


@dataclass(frozen=True)
class Choice(ShapeOptions):
    """What the command is told; its help says what each option means."""

    model: str
    prompts: Path | None
    requests: int
    draft_lengths: list[int]
    minutes: float
    engine_options: Mapping[str, Any]
    json_file: str | None


@dataclass(frozen=True)
class Run:
    """What an engine did.

    Attributes:
        rollout: its answers, and when they came.
        steps: the ledger of its steps.
    """

    rollout: TimedRollout
    steps: Steps


class Machine:
    """Runs one engine after the other until the time is up.

    Attributes:
        left_out: engines for which there was no time.
    """

    def __init__(self, chosen: Choice, requests: Sequence[Request]) -> None:
        """Have the requests ready."""
        self._chosen, self._requests = chosen, requests
        self._began = time.monotonic()
        self._longest = 0.0
        self.left_out: list[str] = []

    def run(self, name: str, speculation: Mapping[str, Any], threshold: int) -> Run | None:
        """Let an engine answer the requests; None where there is no time for it.

        Raises:
            ClickException: it does not start, or ends.
        """
        start = time.monotonic()
        if self._longest and start - self._began + self._longest > 60 * self._chosen.minutes:
            self.left_out.append(name)
            return None
        click.echo(f"{name} …", err=True)
        with tempfile.TemporaryDirectory(prefix="specroll-check-") as folder:
            environment = {THRESHOLD_VARIABLE: str(threshold), LEDGER_VARIABLE: f"{folder}/ledger"}
            arguments = {
                "model": self._chosen.model,
                "speculative_config": dict(speculation) or None,
                **self._chosen.engine_options,
            }
            engine_options = EngineOptions(arguments, environment, SURROUNDINGS)
            try:
                with EngineProcess(name, engine_options, Path(folder) / "log") as engine:
                    engine.wait_until_ready()
                    # What is compiled and allocated by the first requests does not count.
                    engine.run(timed_rollout, warm_up(self._requests))
                    num_warm = len(read_steps(Path(folder) / "ledger"))
                    rollout = engine.run(timed_rollout, self._requests)
                    steps = read_steps(Path(folder) / "ledger")[num_warm:]
            except EngineError as error:
                log = (Path(folder) / "log").read_text(errors="replace")
                cause = sentence(self._chosen.model, log) or str(error)
                raise click.ClickException(cause) from error
        self._longest = max(self._longest, time.monotonic() - start)
        return Run(rollout, steps)


def warm_up(requests: Sequence[Request]) -> list[Request]:
    """Return the same requests with short answers."""
    return [Request(each.prompt, {**each.sampling, "max_tokens": 8}) for each in requests]


def sentence(model: str, log: str) -> str | None:
    """Return what stopped an engine, by its log; None where that is not known."""
    for pattern, cause in CAUSES.items():
        if re.search(rf"Error.*({pattern})", log):
            return cause.format(model=model)
    return None


def check_environment() -> None:
    """Refuse an environment without a patched vLLM.

    Raises:
        ClickException: that is missing.
    """
    found = importlib.util.find_spec("vllm")
    if found is None or found.origin is None:
        raise click.ClickException("vLLM is not installed in this environment.")
    if not (Path(found.origin).parent / "config" / "sam.py").exists():
        raise click.ClickException(
            "the vLLM of this environment is not patched: run `apply-patches apply` first."
        )


def check(machine: Machine, draft_lengths: Sequence[int]) -> tuple[dict[str, Run], Recommendation]:
    """Run all engines that there is time for.

    Returns:
        The runs by name, that without speculation first, and what is recommended.
    """
    plain = machine.run(REFERENCE, {}, ANY_BATCH)
    assert plain is not None  # the first engine always has time
    runs: dict[str, Run | None] = {REFERENCE: plain}
    for length in draft_lengths:
        name = f"sam, {length} in every batch"
        runs[name] = machine.run(name, {**SAM, "num_speculative_tokens": length}, ANY_BATCH)
    drafting = {
        length: run.rollout
        for length, run in zip(draft_lengths, list(runs.values())[1:], strict=True)
        if run is not None
    }
    if not drafting:
        return {REFERENCE: plain}, Recommendation(0, draft_lengths[0])
    advice = gains.recommendation(plain.rollout, drafting)
    longest = {"num_speculative_tokens": advice.num_speculative_tokens}
    if advice.threshold:
        name = f"sam, {advice.num_speculative_tokens} up to {advice.threshold}"
        runs[name] = machine.run(name, {**SAM, **longest}, advice.threshold)
    runs["ngram"] = machine.run("ngram", {**SPECULATION["ngram"], **longest}, ANY_BATCH)
    if importlib.util.find_spec("arctic_inference"):
        runs["suffix"] = machine.run("suffix", {**SUFFIX, **longest}, ANY_BATCH)
    return {name: run for name, run in runs.items() if run is not None}, advice


def summary(run: Run, plain: Run, threshold: int) -> dict[str, Any]:
    """Return what is told of a run."""
    crowd, tail = gains.parts(run.rollout, threshold)
    plain_crowd, plain_tail = gains.parts(plain.rollout, threshold)
    graphs = {
        graph: sum(step.graph == graph for step in run.steps)
        for graph in ("FULL", "PIECEWISE", "NONE")
    }
    return {
        "seconds": run.rollout.seconds,
        "x_none": plain.rollout.seconds / run.rollout.seconds,
        "crowd_seconds": crowd,
        "crowd_x_none": plain_crowd / crowd if crowd else None,
        "tail_seconds": tail,
        "tail_x_none": plain_tail / tail if tail else None,
        "draft_tokens": sum(step.draft_tokens for step in run.steps),
        "accepted_tokens": sum(step.accepted_tokens or 0 for step in run.steps),
        "runner": run.steps[0].runner if run.steps else None,
        "async_scheduling": run.steps[0].async_scheduling if run.steps else None,
        "graphs": graphs,
        "gains": gains.gains(plain.rollout, run.rollout),
        "differing": gains.differing(run.rollout.token_ids, plain.rollout.token_ids),
        "crowd_steps_that_differ": len(differences(plain.steps, run.steps, threshold)),
    }


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a row for each engine."""
    rows = [
        [
            name,
            tables.cell(each["seconds"], ".1f"),
            tables.cell(each["x_none"], ".2f"),
            tables.cell(each["crowd_seconds"], ".1f"),
            tables.cell(each["tail_seconds"], ".1f"),
            tables.cell(each["tail_x_none"], ".2f"),
            f"{each['accepted_tokens']} of {each['draft_tokens']}",
            " ".join(f"{number} {graph}" for graph, number in each["graphs"].items() if number),
            str(each["differing"]),
        ]
        for name, each in found.items()
    ]
    return tables.table(COLUMNS, 1, rows)


def verdict(found: Mapping[str, Mapping[str, Any]], advice: Recommendation) -> str:
    """Return in a sentence what to do."""
    if not advice.threshold:
        return "sam does not pay here in any batch: leave speculation off."
    settings = (
        f"{THRESHOLD_VARIABLE}={advice.threshold} and "
        f"num_speculative_tokens={advice.num_speculative_tokens}"
    )
    name = f"sam, {advice.num_speculative_tokens} up to {advice.threshold}"
    if name not in found:
        return f"Set {settings}; there was no time to run an engine so."
    whole, tail = found[name]["x_none"], found[name]["tail_x_none"]
    return f"Set {settings}: the rollout took {whole:.2f} x less time, its tail {tail:.2f} x less."


def _engine_options(_context: click.Context, _parameter: click.Parameter, value: str) -> Any:  # noqa: ANN401
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise click.BadParameter('must be a JSON object, such as {"tensor_parallel_size": 2}.')
    return found


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--model", required=True, callback=options.checked_model, help="Folder or hub id.")
@options.PROMPTS
@click.option("--requests", type=POSITIVE, default=64, help="Requests of the rollout.")
@options.shape_options(longest=600)
@click.option(
    "--draft-lengths",
    default="3,7",
    callback=numbers("3,7", "draft length", least=1),
    help="Tokens a draft at most, of each engine with sam.",
)
@click.option("--minutes", type=click.FloatRange(min=0), default=10.0, help="Start none later.")
@click.option(
    "--engine-options", default="{}", callback=_engine_options, help="More for vLLM, as JSON."
)
@files.JSON
@options_as(Choice)
def main(chosen: Choice) -> None:
    """Run the engines, and say what to do."""
    check_environment()
    shape = chosen.shape()
    texts = first_prompts(chosen.prompts, shape.num_prompts(chosen.requests), 1)
    machine = Machine(chosen, shape.requests(texts, chosen.requests))
    runs, advice = check(machine, chosen.draft_lengths)
    plain = runs[REFERENCE]
    found = {name: summary(run, plain, advice.threshold) for name, run in runs.items()}
    words = [table(found), verdict(found, advice)]
    if machine.left_out:
        words.append(f"No time was left for {', '.join(machine.left_out)}.")
    told = {
        **circumstances(),
        "model": chosen.model,
        "engine_options": chosen.engine_options,
        **asdict(shape),
        "requests": chosen.requests,
        "engines": found,
        "recommended": asdict(advice),
        "verdict": words[1],
        "left_out": machine.left_out,
    }
    Results(chosen.json_file).deliver("\n".join(words), told)


if __name__ == "__main__":
    main(prog_name="python -m bench.gpu_check")
