"""What does verifying drafts cost, with vLLM-Ascend's samplers and with ours?

The functions of both releases, as upstream wrote them, and those of `specroll_rejection` get the
same drafts and random numbers in one process and take turns; times are medians over turns, ratios
the medians of the turns' ratios. On a CPU one thread works and its CPU time counts, which a busy
machine disturbs less than a clock on the wall. `recovered` is what each needs for a step: upstream
one token for each draft, ours one for each request. Dispatches and synchronisations are counted on
an emulated NPU in host memory, whose times would say nothing about those of an NPU; nothing here
has run on Ascend hardware.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import click
import torch
import torch_npu  # noqa: F401
from vllm.v1.sample import rejection_sampler as vllm_sampler

from bench.lib.output import files, tables
from bench.lib.output.circumstances import circumstances
from bench.lib.output.progress import progress
from bench.lib.output.results import Results
from bench.lib.plots import rejection as plots
from bench.lib.rejection import PARTS, Work, inputs, our_parts, upstream_parts
from testing.npu_emulator.counting import counted
from testing.registry import stacks_with
from testing.upstream_functions import upstream_functions

Found = dict[str, Any]

BATCHES = (1, 8, 64, 256)
DRAFTS = (1, 3, 8)
VOCABULARIES = (1_000, 32_000, 151_936)
QUICK_BATCHES, QUICK_DRAFTS, QUICK_VOCABULARIES = BATCHES[:3], DRAFTS[:2], VOCABULARIES[:1]
GRID = (VOCABULARIES, BATCHES, DRAFTS)
COUNTED_VOCABULARY = 100
MOST_TURNS, LEAST_TURNS, SECONDS_PER_PART = 25, 3, 1.0
OURS = "ours"
# A stack by its release of vLLM-Ascend: two that share one share its samplers, too.
RELEASES = {stack.release("vllm_ascend"): stack for stack in stacks_with("vllm_ascend")}
# In a batch of 1, all parts of a step together take at most so many times as long as upstream's.
MOST_FOR_ONE = 1.5


def samplers() -> dict[str, Callable[[SimpleNamespace], dict[str, Work]]]:
    """Return the functions from inputs to parts, of each release and ours."""
    made: dict[str, Callable[[SimpleNamespace], dict[str, Work]]] = {OURS: our_parts}
    for release, stack in RELEASES.items():
        path = "vllm_ascend/sample/rejection_sampler.py"
        functions = upstream_functions(stack.name, "vllm_ascend", path, vars(vllm_sampler))
        made[release] = partial(upstream_parts, functions)
    return made


def measure_cell(batch: int, num_drafts: int, vocabulary: int, device: str) -> Iterator[Found]:
    """Let the samplers take turns on the parts of a step."""
    given = inputs(batch, num_drafts, vocabulary, device)
    lanes = {name: parts(given) for name, parts in samplers().items()}
    for part in PARTS:
        turns = take_turns({name: lane[part] for name, lane in lanes.items()}, device)
        for name, seconds in turns.items():
            ratios = [a / b for a, b in zip(seconds, turns[OURS], strict=True)]
            yield {
                "vocabulary": vocabulary,
                "batch": batch,
                "drafts": num_drafts,
                "sampler": name,
                "part": part,
                "ms": 1e3 * median(seconds),
                "times_ours": median(ratios),
            }


def take_turns(work: Mapping[str, Work], device: str) -> dict[str, list[float]]:
    """Return the seconds of each turn; the first turn does not count."""
    turns: dict[str, list[float]] = {name: [] for name in work}
    start = time.perf_counter()
    while len(turns[OURS]) <= LEAST_TURNS or (
        len(turns[OURS]) <= MOST_TURNS and time.perf_counter() - start < SECONDS_PER_PART
    ):
        for name, do in work.items():
            turns[name].append(seconds_of(do, device))
    return {name: seconds[1:] for name, seconds in turns.items()}


def seconds_of(do: Work, device: str) -> float:
    """Return how long a piece of work takes, until the device has done it."""
    if device == "cpu":
        start = time.thread_time()
        do()
        return time.thread_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    do()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def count(batch: int, num_drafts: int) -> Iterator[Found]:
    """Count what each part dispatches on an emulated NPU, and how often it waits for it."""
    given = inputs(batch, num_drafts, COUNTED_VOCABULARY, "npu")
    for name, parts in samplers().items():
        for part, do in parts(given).items():
            with counted() as counts:
                do()
            yield {
                "batch": batch,
                "drafts": num_drafts,
                "sampler": name,
                "part": part,
                "dispatches": counts.dispatches.total(),
                "synchronisations": counts.synchronisations.total(),
            }


def targets(times: Sequence[Found], counts: Sequence[Found]) -> list[Found]:
    """Return what was found beside what it should be; cells that were not measured are absent."""
    return [*speed_targets(times), *batch_of_one_targets(times), *count_targets(counts)]


def speed_targets(times: Sequence[Found]) -> Iterator[Found]:
    """Say how much faster ours is than each release, where there is most to do.

    How much it should be stands in the stack's table `[ci.rejection_speedups]`.
    """
    cell = {"vocabulary": VOCABULARIES[-1], "batch": BATCHES[-1], "drafts": 3}
    for release, stack in RELEASES.items():
        for part, target in stack.ci.get("rejection_speedups", {}).items():
            what = f"{part}: times faster than {release}"
            for run in chosen(times, **cell, sampler=release, part=part):
                value = run["times_ours"]
                met = value >= target
                yield {"what": what, **cell, "value": value, "target": target, "is_met": met}


def batch_of_one_targets(times: Sequence[Found]) -> Iterator[Found]:
    """Say how much slower ours is than each release, with the least to do."""
    for vocabulary in VOCABULARIES:
        cell = {"vocabulary": vocabulary, "batch": 1, "drafts": 3}
        step = {
            name: sum(run["ms"] for run in chosen(times, **cell, sampler=name))
            for name in (OURS, *RELEASES)
        }
        for release in RELEASES if step[OURS] else ():
            value = step[OURS] / step[release]
            what = f"all parts: times as long as {release}"
            met = value <= MOST_FOR_ONE
            yield {"what": what, **cell, "value": value, "target": MOST_FOR_ONE, "is_met": met}


def count_targets(counts: Sequence[Found]) -> Iterator[Found]:
    """Ask for no waiting, and for as much to be dispatched for many as for few."""
    ours = chosen(counts, sampler=OURS)
    waits = sum(run["synchronisations"] for run in ours)
    yield {"what": "synchronisations of ours", "value": waits, "target": 0, "is_met": waits == 0}
    for part in PARTS:
        spread = len({run["dispatches"] for run in ours if run["part"] == part})
        what = f"{part}: different numbers of dispatches of ours"
        yield {"what": what, "value": spread, "target": 1, "is_met": spread == 1}


def chosen(found: Sequence[Found], **wanted: object) -> list[Found]:
    """Return those that have the wanted values."""
    return [run for run in found if all(run[key] == value for key, value in wanted.items())]


def times_table(times: Sequence[Found]) -> str:
    """Return the milliseconds of every part in every cell."""
    cells = sorted({(run["vocabulary"], run["batch"], run["drafts"], run["part"]) for run in times})
    rows = []
    for vocabulary, batch, drafts, part in cells:
        found = chosen(times, vocabulary=vocabulary, batch=batch, drafts=drafts, part=part)
        by_sampler = {run["sampler"]: run for run in found}
        cost = [f"{by_sampler[name]['ms']:.3f}" for name in (OURS, *RELEASES)]
        ratios = [f"{by_sampler[name]['times_ours']:.2f}" for name in RELEASES]
        rows.append([part, str(vocabulary), str(batch), str(drafts), *cost, *ratios])
    header = ["part", "vocabulary", "batch", "drafts"]
    header += [f"{name} ms" for name in (OURS, *RELEASES)]
    header += [f"{name} / {OURS}" for name in RELEASES]
    return tables.table(header, 1, rows)


def counts_table(counts: Sequence[Found]) -> str:
    """Return dispatches and synchronisations of every part, on an emulated NPU."""
    rows = [
        [
            *(run["sampler"], run["part"], str(run["batch"]), str(run["drafts"])),
            *(str(run["dispatches"]), str(run["synchronisations"])),
        ]
        for run in counts
    ]
    return tables.table(["sampler", "part", "batch", "drafts", "dispatches", "syncs"], 2, rows)


def targets_table(checked: Sequence[Found]) -> str:
    """Return the targets and whether they are met."""
    rows = [
        [
            *(str(each.get(key, "")) for key in ("what", "vocabulary", "batch", "drafts")),
            *(f"{each['value']:.3g}", f"{each['target']:g}", "" if each["is_met"] else "MISSED"),
        ]
        for each in checked
    ]
    return tables.table(["what", "vocabulary", "batch", "drafts", "found", "target", ""], 1, rows)


@click.command(help=__doc__)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", help="Where to time.")
@click.option("--quick", is_flag=True, help="A smaller grid.")
@files.JSON
@files.PLOTS
def main(device: str, quick: bool, json_file: str | None, pictures: Path | None) -> None:
    """Measure the grid, count on an emulated NPU, and say what was found."""
    torch.set_num_threads(1)
    grid = list(product(*((QUICK_VOCABULARIES, QUICK_BATCHES, QUICK_DRAFTS) if quick else GRID)))
    times: list[Found] = []
    counts: list[Found] = []
    for vocabulary, batch, drafts in progress(grid, "times", "cell"):
        times += measure_cell(batch, drafts, vocabulary, device)
    for batch, drafts in progress(sorted({cell[1:] for cell in grid}), "counts", "cell"):
        counts += count(batch, drafts)
    checked = targets(times, counts)
    words = f"{times_table(times)}\n\nOn an emulated NPU, never on Ascend hardware:\n"
    words += f"{counts_table(counts)}\n\n{targets_table(checked)}"
    about = {**circumstances(), "device": device, "torch": torch.__version__}
    found = {**about, "times": times, "counts": counts, "targets": checked}
    Results(json_file, pictures).deliver(words, found, partial(plots.write, times))


if __name__ == "__main__":
    main(prog_name="python -m bench.rejection")
