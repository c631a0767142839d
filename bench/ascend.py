"""What does an engine of vLLM-Ascend give with drafts, and what does it ask of its device?

Engines run on an emulated NPU in host memory, never on Ascend hardware: whether tokens are those of
vLLM on the CPU, how many steps it takes, how many operators are dispatched and how often the host
waits for the device. Times would say nothing about an NPU and are not taken.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import numpy as np

from bench.lib.engines.process import EngineError, EngineOptions, EngineProcess
from bench.lib.output import files, tables
from bench.lib.output.circumstances import circumstances
from bench.lib.output.progress import progress
from bench.lib.output.results import Results
from testing.npu_emulator.process_environment import NPU_ENVIRONMENT
from testing.tiny_model import VOCABULARY, save_tiny_model

if TYPE_CHECKING:
    from vllm import LLM

Result = TypeVar("Result")

THRESHOLD = {"VLLM_SPECULATIVE_BATCH_SIZE_THRE": "4"}
METHODS = ("none", "ngram", "sam")
PROMPT_LENGTHS = (3, 5, 8, 13, 21, 34, 55, 89, 120, 144, 200, 233)
MAX_TOKENS = 100
MAX_MODEL_LEN = 512
ARGUMENTS = {
    "max_model_len": MAX_MODEL_LEN,
    "max_num_seqs": 64,
    "dtype": "float32",
    "enforce_eager": True,
    "skip_tokenizer_init": True,
    "disable_log_stats": False,
    "num_gpu_blocks_override": 128,
}


@dataclass(frozen=True)
class Situation:
    """What prompts are given, and to what engine.

    Example: ``Situation("one at a time", at_once=1)``.

    Attributes:
        name: for the table.
        at_once: prompts that are given at once.
        is_skewed: some answers end early.
        arguments: of the engine beside the common ones.
        environment: of the engine's process.
    """

    name: str
    at_once: int = len(PROMPT_LENGTHS)
    is_skewed: bool = False
    arguments: Mapping[str, Any] | None = None
    environment: Mapping[str, str] | None = None


SITUATIONS = (
    Situation("batch of 12"),
    Situation("one at a time", at_once=1),
    Situation("chunks of 64", arguments={"max_num_batched_tokens": 64}),
    Situation(
        "8 cache blocks",
        arguments={"num_gpu_blocks_override": 8, "enable_prefix_caching": False},
    ),
    Situation("threshold 4", is_skewed=True, environment=THRESHOLD),
)


@dataclass(frozen=True)
class Run:
    """What an engine did.

    Example: of one prompt with two new tokens in two steps, without drafts:
    ``Run([[5, 6]], 2, 0, 0, 0, dispatches=900, synchronisations=6)``.

    Attributes:
        tokens: new token ids of each prompt.
        num_steps: runs of the model.
        num_drafted: draft tokens that were verified.
        num_accepted: draft tokens that were accepted.
        num_preemptions: requests that lost their cache blocks for a while.
        dispatches: operators dispatched on the device.
        synchronisations: times the host waited for the device.
    """

    tokens: list[list[int]]
    num_steps: int
    num_drafted: int
    num_accepted: int
    num_preemptions: int
    dispatches: int
    synchronisations: int


def prompts() -> list[list[int]]:
    """Return prompts of very different lengths."""
    random = np.random.default_rng(1)
    return [random.integers(VOCABULARY, size=length).tolist() for length in PROMPT_LENGTHS]


def answer_lengths(situation: Situation) -> list[int]:
    """Return how long the answer to each prompt is to be."""
    if not situation.is_skewed:
        return [MAX_TOKENS] * len(PROMPT_LENGTHS)
    return [MAX_TOKENS - 8 * row for row in range(len(PROMPT_LENGTHS))]


def tokens_of(llm: LLM, situation: Situation) -> list[list[int]]:
    """Generate greedily."""
    from testing.engine import generate

    given = list(zip(prompts(), answer_lengths(situation), strict=True))
    found = []
    for start in range(0, len(given), situation.at_once):
        some, lengths = zip(*given[start : start + situation.at_once], strict=True)
        found += generate(llm, list(some), list(lengths))
    return found


def measured(llm: LLM, situation: Situation) -> Run:
    """Generate and count, in the process of an engine on the emulated NPU."""
    from testing.engine import counters, draft_counts, model_runner
    from testing.npu_emulator.counting import counted

    runner = model_runner(llm)
    execute_model, num_steps = runner.execute_model, 0

    def executing(*arguments: object, **options: object) -> object:
        nonlocal num_steps
        num_steps += 1
        return execute_model(*arguments, **options)

    runner.execute_model = executing
    with counted() as counts:
        tokens = tokens_of(llm, situation)
    return Run(
        tokens,
        num_steps,
        *draft_counts(llm),
        counters(llm)["vllm:num_preemptions"],
        counts.dispatches.total(),
        counts.synchronisations.total(),
    )


def run_engine(
    model: Path,
    method: str,
    situation: Situation,
    work: Callable[[LLM, Situation], Result],
    **environment: str,
) -> Result:
    """Return the result of `work` with an engine in a process of its own.

    Raises:
        EngineError: the engine does not start, or stops.
    """
    # Not before: what vLLM reads from the environment when it is imported is each process's own.
    from testing.engine import NGRAM, SAM

    speculation = {"none": None, "ngram": NGRAM, "sam": SAM}[method]
    arguments = {**ARGUMENTS, **(situation.arguments or {}), "model": str(model)}
    options = EngineOptions(
        {**arguments, "speculative_config": speculation},
        {**(situation.environment or {}), **environment},
    )
    with EngineProcess(method, options, model / "engine.log") as engine:
        engine.wait_until_ready()
        return engine.run(work, situation)


def summary(
    run: Run, method: str, situation: Situation, expected: list[list[int]]
) -> dict[str, Any]:
    """Return the figures of a run; `expected` are the tokens of vLLM on the CPU."""
    cut = [tokens[:most] for tokens, most in zip(expected, answer_lengths(situation), strict=True)]
    figures = {key: value for key, value in asdict(run).items() if key != "tokens"}
    return {
        "situation": situation.name,
        "method": method,
        "equals_cpu": run.tokens == cut,
        "num_tokens": sum(map(len, run.tokens)),
        **figures,
    }


def runs_table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return a line for each engine."""
    header = ["situation", "method", "as on the CPU", "tokens", "steps", "drafted", "accepted"]
    header += ["preempted", "dispatches/step", "syncs/step", "dispatches/token"]
    return tables.table(
        header,
        2,
        [
            [
                *(run["situation"], run["method"], "yes" if run["equals_cpu"] else "NO"),
                *(str(run["num_tokens"]), str(run["num_steps"])),
                *(str(run["num_drafted"]), str(run["num_accepted"]), str(run["num_preemptions"])),
                f"{run['dispatches'] / run['num_steps']:.0f}",
                f"{run['synchronisations'] / run['num_steps']:.1f}",
                f"{run['dispatches'] / run['num_tokens']:.1f}",
            ]
            for run in runs
        ],
    )


@click.command(help=__doc__)
@files.JSON
def main(json_file: str | None) -> None:
    """Run every method in every situation, and say what came of it."""
    cells = [(situation, method) for situation in SITUATIONS for method in METHODS]
    runs = []
    os.environ.update(NPU_ENVIRONMENT)
    with tempfile.TemporaryDirectory() as folder:
        model = save_tiny_model(Path(folder), MAX_MODEL_LEN)
        try:
            # Where vLLM finds no plugin, the CPU is its platform.
            expected = run_engine(model, "none", SITUATIONS[0], tokens_of, VLLM_PLUGINS="")
            for situation, method in progress(cells, "engines", "engine"):
                run = run_engine(model, method, situation, measured)
                runs.append(summary(run, method, situation, expected))
        except EngineError as error:
            sys.exit(f"bench.ascend: {error}")
    release = version("vllm-ascend")
    where = f"vllm-ascend {release} on an emulated NPU, never tested on Ascend hardware"
    found = {**circumstances(), "vllm_ascend": release, "runs": runs}
    Results(json_file).deliver(f"{where}:\n\n{runs_table(runs)}", found)


if __name__ == "__main__":
    main(prog_name="python -m bench.ascend")
