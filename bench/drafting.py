"""What does drafting for a whole batch cost, beside the drafters of others?

A step appends 1 to 4 tokens to each request and drafts 3. All methods have the same requests in one
process and take turns; times are medians over turns of the process's CPU time, which a busy machine
disturbs less than a clock on the wall, ratios the medians of the turns' ratios to vLLM's own ngram
proposer. `sam groups` is `SamDrafter` with 16 requests a prompt; `sam` and all others have prompts
of their own. Other drafters take part where they are installed, and a method sits out where its
requests would not fit into memory.
"""

import gc
import operator
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from sam_drafting import SamDrafter

from bench.lib.drafters import peers
from bench.lib.drafters.automaton import AutomatonDrafter
from bench.lib.output import files, tables
from bench.lib.output.circumstances import circumstances
from bench.lib.output.progress import progress
from bench.lib.output.results import Results
from bench.lib.plots import drafting as plots
from bench.lib.samples import streams
from bench.lib.samples.traces import Tokens

Found = dict[str, Any]

CONTEXTS = (1 << 10, 1 << 12, 1 << 15, 1 << 17)
BATCHES = (1, 8, 32, 128)
QUICK_CONTEXTS, QUICK_BATCHES = CONTEXTS[:2], (1, 32)
LONGEST_DRAFT = 3
MOST_APPENDED = 4
PROMPT_TOKENS = 512
GROUP_SIZE = 16
# The first steps of a turn bring a method's data back into the caches and are not timed.
TURNS, STEPS_PER_TURN, UNTIMED_STEPS = 9, 16, 4
# Of the memory that is free, so much is used.
MEMORY_SHARE = 0.6
REFERENCE = "ngram"


@dataclass(frozen=True)
class Method:
    """A drafter to measure; `bytes_per_token` is a guess from above, 0 where it keeps none.

    Example: ``Method("sam", SamDrafter, 100)``.
    """

    name: str
    make: Callable[[int], peers.Drafter]
    bytes_per_token: int
    package: str = "sam_drafting"
    has_groups: bool = False


METHODS = (
    Method("ngram", peers.Ngram, 0, package="vllm"),
    Method("sam", SamDrafter, 100),
    Method("sam groups", SamDrafter, 100, has_groups=True),
    Method("automaton", AutomatonDrafter, 200),
    Method("arctic own", peers.arctic_own, 400, package="arctic_inference"),
    Method("arctic", peers.Arctic, 800, package="arctic_inference"),
)

# Context, batch, method, what is measured, and what it should be at least.
LEAST = (
    (1 << 12, 128, "automaton", "times_cheaper_than_ngram", 2.5),
    (1 << 15, 128, "automaton", "times_cheaper_than_ngram", 12.0),
    (1 << 12, 128, "sam", "times_cheaper_than_ngram", 4.0),
    (1 << 15, 128, "sam", "times_cheaper_than_ngram", 20.0),
)
# The same, and what it should be at most.
MOST = (
    (1 << 15, 128, "automaton", "take_in_us_per_token", 0.35),
    (1 << 15, 128, "sam", "take_in_us_per_token", 0.12),
    (1 << 15, 128, "sam", "bytes_per_token", 60.0),
    (1 << 10, 1, "sam", "step_us", 6.0),
    (1 << 12, 1, "sam", "step_us", 6.0),
)


class Lane:
    """A method with the requests of one cell of the grid.

    Example: ``Lane(METHODS[1], rows, context=1024).take_turn(lengths)`` adds to ``turns``.
    """

    def __init__(self, method: Method, rows: Tokens, context: int) -> None:
        """Take in the context of all requests."""
        self.name = method.name
        self.turns: list[float] = []
        self._rows = grouped(rows) if method.has_groups else rows
        self._drafter = method.make(LONGEST_DRAFT)
        self._names = [f"request {i}" for i in range(len(rows))]
        self._prompts = np.full(len(rows), min(PROMPT_TOKENS, context // 2), np.int32)
        self._limits = np.full(len(rows), LONGEST_DRAFT, np.int32)
        self._warm_up()
        lengths = np.full(len(rows), context, np.int32)
        start = time.process_time()
        self._drafter.step(self._names, self._rows, lengths, self._prompts, 0 * self._limits)
        seconds = time.process_time() - start
        num_tokens = int(lengths.sum())
        reserved = getattr(self._drafter, "nbytes", None)
        self.take_in_us_per_token = 1e6 * seconds / num_tokens if method.bytes_per_token else None
        self.bytes_per_token = reserved and reserved / num_tokens

    def take_turn(self, lengths: npt.NDArray[np.int32]) -> None:
        """Do one step for each row of `lengths`, [steps, batch], and note their mean time."""
        start = 0.0
        for i, num_tokens in enumerate(lengths):
            if i == UNTIMED_STEPS:
                start = time.process_time()
            self._drafter.step(self._names, self._rows, num_tokens, self._prompts, self._limits)
        self.turns.append(1e6 * (time.process_time() - start) / (len(lengths) - UNTIMED_STEPS))

    def close(self) -> None:
        """Finish all requests."""
        self._drafter.finish(self._names)

    def _warm_up(self) -> None:
        """Compile what is compiled late."""
        none, one, two = np.arange(3, dtype=np.int32).reshape(3, 1)
        for limit in (none, one):
            self._drafter.step(["warm-up"], self._rows[:1, :2], two, one, limit)
        self._drafter.finish(["warm-up"])


def grouped(rows: Tokens) -> Tokens:
    """Give every `GROUP_SIZE` rows the prompt of the first of them."""
    shared: Tokens = rows.copy()
    for row in range(len(rows)):
        shared[row, :PROMPT_TOKENS] = rows[row - row % GROUP_SIZE, :PROMPT_TOKENS]
    return shared


def growing_lengths(context: int, batch: int) -> npt.NDArray[np.int32]:
    """Return the tokens of each request after each step, [turns, steps, batch]."""
    random = np.random.default_rng(context + batch)
    shape = (TURNS * STEPS_PER_TURN, batch)
    appended = random.integers(1, MOST_APPENDED + 1, shape)
    lengths = context + np.cumsum(appended, axis=0)
    return lengths.astype(np.int32).reshape(TURNS, STEPS_PER_TURN, batch)


def fitting(num_tokens: int) -> list[Method]:
    """Return the methods that are installed and whose requests fit into memory together."""
    left = MEMORY_SHARE * os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    chosen = []
    for method in METHODS:
        needed = num_tokens * method.bytes_per_token
        if peers.installed(method.package) and needed <= left:
            chosen.append(method)
            left -= needed
    return chosen


def measure(stream: Tokens, context: int, batch: int) -> list[Found]:
    """Let the methods take turns on the same requests."""
    lengths = growing_lengths(context, batch)
    rows = streams.windows(stream, batch, int(lengths.max()))
    lanes = [Lane(method, rows, context) for method in fitting(batch * context)]
    for turn in lengths:
        for lane in lanes:
            lane.take_turn(turn)
    found = [summary(lane, lanes, context, batch) for lane in lanes]
    for lane in lanes:
        lane.close()
    return found


def summary(lane: Lane, lanes: Sequence[Lane], context: int, batch: int) -> Found:
    """Return the medians of a lane; the first turn does not count."""
    reference = next((each for each in lanes if each.name == REFERENCE), None)
    ratios = [a / b for a, b in zip(reference.turns, lane.turns, strict=True)] if reference else []
    return {
        "context": context,
        "batch": batch,
        "method": lane.name,
        "step_us": median(lane.turns[1:]),
        "times_cheaper_than_ngram": median(ratios[1:]) if ratios else None,
        "take_in_us_per_token": lane.take_in_us_per_token,
        "bytes_per_token": lane.bytes_per_token,
    }


def targets(found: Sequence[Found]) -> list[Found]:
    """Return what was found beside what it should be; cells that were not measured are absent."""
    cells = {(run["context"], run["batch"], run["method"]): run for run in found}
    checked = []
    for wanted, is_met in ((LEAST, operator.ge), (MOST, operator.le)):
        for context, batch, method, what, target in wanted:
            value = cells.get((context, batch, method), {}).get(what)
            if value is not None:
                about = {"context": context, "batch": batch, "method": method, "what": what}
                met = is_met(value, target)
                checked.append({**about, "value": value, "target": target, "is_met": met})
    return checked


def runs_table(found: Sequence[Found]) -> str:
    """Return the medians of every method in every cell."""
    header = [
        "method",
        "context",
        "batch",
        "step µs",
        "x cheaper",
        "take in µs/token",
        "bytes/token",
    ]
    return tables.table(
        header,
        1,
        [
            [
                run["method"],
                str(run["context"]),
                str(run["batch"]),
                f"{run['step_us']:.1f}",
                tables.cell(run["times_cheaper_than_ngram"], ".2f"),
                tables.cell(run["take_in_us_per_token"], ".3f"),
                tables.cell(run["bytes_per_token"], ".0f"),
            ]
            for run in found
        ],
    )


def targets_table(checked: Sequence[Found]) -> str:
    """Return the targets and whether they are met."""
    return tables.table(
        ["method", "what", "context", "batch", "found", "target", ""],
        2,
        [
            [
                each["method"],
                each["what"],
                str(each["context"]),
                str(each["batch"]),
                f"{each['value']:.3g}",
                f"{each['target']:g}",
                "" if each["is_met"] else "MISSED",
            ]
            for each in checked
        ],
    )


@click.command(help=__doc__)
@click.option(
    "--traces",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of recorded samples; a synthetic text where absent.",
)
@click.option("--quick", is_flag=True, help="A smaller grid.")
@files.JSON
@files.PLOTS
def main(folder: Path | None, quick: bool, json_file: str | None, pictures: Path | None) -> None:
    """Measure the grid and say what was found."""
    stream = streams.recorded(folder) if folder else streams.synthetic()
    contexts, batches = (QUICK_CONTEXTS, QUICK_BATCHES) if quick else (CONTEXTS, BATCHES)
    grid = [(context, batch) for context in contexts for batch in batches]
    runs = []
    for context, batch in progress(grid, "grid", "cell"):
        runs += measure(stream, context, batch)
        gc.collect()
    checked = targets(runs)
    words = f"{runs_table(runs)}\n\n{targets_table(checked)}"
    about = {**circumstances(), "stream": folder.name if folder else "synthetic"}
    found = {**about, "runs": runs, "targets": checked}
    Results(json_file, pictures).deliver(words, found, partial(plots.write, runs))


if __name__ == "__main__":
    main(prog_name="python -m bench.drafting")
